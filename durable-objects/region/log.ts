import { type LogDetails, type LogLine, logLine } from "#core/log.ts";

/** What a log line about this region's questions needs. */
export interface LogNeeds {
  env: Pick<Env, "LOG_ANSWERS">;
  model: string;
  region: string;
}

/** Logs what became of questions in this region, unless the deployment logs none. */
export function logHere(
  { env, model, region }: LogNeeds,
  line: Omit<LogLine, "rung" | "model" | "region">,
  details?: LogDetails,
): void {
  if (env.LOG_ANSWERS !== "off") logLine({ ...line, rung: "region", model, region }, details);
}
