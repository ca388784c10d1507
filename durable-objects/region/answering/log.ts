import { type LogDetails, type LogEvent, type LogLine, logLine } from "#core/log.ts";

/** What the lines of a region's log have in common. */
export interface LogContext {
  env: Pick<Env, "LOG_ANSWERS">;
  model: string;
  region: string;
}

/** What happened to a question; null where it was answered in the meantime. */
export type Outcome = LogEvent | null;

/** Logs what happened to questions in this region, unless the deployment logs none. */
export type Log = (line: Omit<LogLine, "rung" | "model" | "region">, details?: LogDetails) => void;

/** Returns the log of a region. */
export function logOf({ env, model, region }: LogContext): Log {
  return (line, details) => {
    if (env.LOG_ANSWERS !== "off") logLine({ ...line, rung: "region", model, region }, details);
  };
}
