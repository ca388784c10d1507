import type { ExternalRung, Question } from "../../contract/index.ts";
import type { Hop } from "../rung.ts";

/** A question for a rung that we don't own. It scores all labels, whatever the question's candidates. */
export interface Asked {
  rung: ExternalRung;
  labels: readonly string[];
  question: Question;
  hop: Hop;
}

/** What a rung that we don't own says of a question. */
export interface Scored {
  /** A probability for each label, in their order; they sum to 1. */
  scores: number[];
  /** The model that answered, as the server names it. */
  model: string;
  /** Tokens that it read; null where it does not say. */
  inputTokens: number | null;
  /** Whether the scores are shares of votes, which say little of a single question. */
  isVote?: boolean;
}

/** Sends JSON to a path of a rung and returns the JSON of its reply. */
export type Send = (path: string, body: unknown, headers?: Record<string, string>) => Promise<unknown>;

/** Speaks one protocol. Throws `RungUnavailableError` for a reply that is no answer. */
export type Adapter = (asked: Asked, send: Send) => Promise<Scored>;
