import { type LogDetails, type LogLine, logLine } from "#core/log.ts";
import type { RegionContext } from "./context.ts";

/** Logs what became of questions in this region, unless the deployment logs none. */
export function logHere(
  { env, model, region }: Pick<RegionContext, "env" | "model" | "region">,
  line: Omit<LogLine, "rung" | "model" | "region">,
  details?: LogDetails,
): void {
  if (env.LOG_ANSWERS !== "off") logLine({ ...line, rung: "region", model, region }, details);
}
