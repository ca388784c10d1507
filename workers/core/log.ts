import type { Answer, RungName } from "./contract/index.ts";
import type { TraceSpan } from "./trace-context.ts";

/** How many ids a log line lists; for a larger batch it gives the number of ids as well. */
export const logMaxIds = 20;

/** What happened to questions at a rung. */
export type LogEvent =
  /** Sent to the rung above, whose answers have returned. */
  | "escalated"
  /** Written to storage, before anything else happens. */
  | "stored"
  /** Answered from the semantic cache. */
  | "answered-from-cache"
  | "asked"
  | "answered"
  /** Still open at the rung above, or not answered by it: asked again later. */
  | "deferred"
  | "next-rung-unavailable"
  | "region-unavailable"
  /** Accepted by no rung: handed to the human queue. */
  | "escalated-to-review"
  | "queued"
  /** Labelled, by a truth or a person. */
  | "labelled";

/** One log line about questions that reached a rung. */
export interface LogLine {
  event: LogEvent;
  rung: RungName;
  model: string;
  /** null if the questions belong to several regions. */
  region: string | null;
  span: TraceSpan;
  ids: readonly string[];
  /** How long this rung took. */
  ms?: number;
}

/** Further flat fields of a log line. They never contain an instance, a score, a label or a token. */
export type LogDetails = Record<string, string | number | boolean>;

/**
 * Builds the fields of a log line, with the same names at every rung: `question` is the id of a single question,
 * `questions` are the first ids of several.
 *
 * @example lineOf({ event: "asked", rung: "origin", model: "shop", region: "north", span, ids: ["shop~north~1"] })
 */
export function lineOf({ event, rung, model, region, span, ids, ms }: LogLine, details: LogDetails = {}) {
  const { trace, span: own, parent } = span;
  return {
    event,
    rung,
    model,
    ...(region === null ? {} : { region }),
    trace,
    span: own,
    ...(parent === null ? {} : { parent }),
    ...(ids.length === 1 ? { question: ids[0] } : { questions: ids.slice(0, logMaxIds), count: ids.length }),
    ...(ms === undefined ? {} : { ms }),
    ...details,
  };
}

/** Summarises answers: who answered a single question, or how many of several are answered. */
export function outcomeOf(answers: readonly Answer[]): LogDetails {
  const [answer] = answers;
  if (answer && answers.length === 1) {
    const { status, rung: by, accepted, version } = answer;
    return { status, by, accepted, version };
  }
  const open = answers.filter(({ status }) => status === "open").length;
  return { answered: answers.length - open, open };
}

/** Writes a log line, unless it is about no questions. */
export function logLine(line: LogLine, details?: LogDetails, write: (text: string) => void = console.log): void {
  if (line.ids.length > 0) write(JSON.stringify(lineOf(line, details)));
}
