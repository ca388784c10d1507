import type { Answer, RungName } from "./contract/index.ts";
import type { Span } from "./trace-context.ts";

/** How many ids a line of the log names; of a larger batch it says how many there were. */
export const logMaxIds = 20;

/** What became of questions at a rung. */
export type LogEvent =
  /** Handed to the rung above, and back from it. */
  | "escalated"
  /** Stored, before anything else. */
  | "stored"
  /** Answered from memory. */
  | "answered-from-cache"
  | "asked"
  | "answered"
  /** The rung above has them, or does not answer: they escalate again. */
  | "deferred"
  | "next-rung-unavailable"
  | "region-unavailable"
  /** No rung was sure: a person is to be asked. */
  | "escalated-to-review"
  | "queued"
  /** A label came: a truth, or a person's. */
  | "labelled";

/** One line of the log about questions that a rung was reached by. */
export interface LogLine {
  event: LogEvent;
  rung: RungName;
  model: string;
  /** null where they are of several. */
  region: string | null;
  span: Span;
  ids: readonly string[];
  /** How long this rung took. */
  ms?: number;
}

/** Whose label it is, why a rung did not answer: flat fields, and never an instance, a score, a label or a token. */
export type LogDetails = Record<string, string | number | boolean>;

/**
 * A line's fields, of the same names at every rung: `question` is one's id, `questions` are the first of several.
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

/** What came of questions: of one who answered it, of several how many are answered. */
export function outcomeOf(answers: readonly Answer[]): LogDetails {
  const [answer] = answers;
  if (answer && answers.length === 1) {
    const { status, rung: by, accepted, version } = answer;
    return { status, by, accepted, version };
  }
  const open = answers.filter(({ status }) => status === "open").length;
  return { answered: answers.length - open, open };
}

/** Writes a line where questions came to pass through; nothing of none. */
export function logLine(line: LogLine, details?: LogDetails, write: (text: string) => void = console.log): void {
  if (line.ids.length > 0) write(JSON.stringify(lineOf(line, details)));
}
