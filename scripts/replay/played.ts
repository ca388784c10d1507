import { type Answer, type RungName, rungs } from "#core/contract/index.ts";
import type { Row } from "#origin/recipes/index.ts";

/** The heads that a replay compares; `once` and `retrained` are controls, which nobody serves. */
export const heads = ["global", "regional", "full", "once", "retrained"] as const;
export type HeadName = (typeof heads)[number];
/** What the ladder answered, whichever head that was, is scored like a head. */
export type ScoredName = HeadName | "ladder";

/**
 * Played questions in columns of `rows` each, in the order of asking: 200,000 of them take some 20 MB. Scores are
 * [rows, classes]; a row of NaN where a head gave none.
 */
export interface Played {
  rows: number;
  classes: number;
  at: Float64Array;
  region: string[];
  /** The class of the truth. */
  label: Uint16Array;
  /** The class that the ladder answered. */
  prediction: Uint16Array;
  /** Indexes of `rungs`: who answered; an open question is left to a person. */
  rung: Uint8Array;
  /** 1 where a rule of the edge or the region let the answer pass: such a question never went to the origin. */
  accepted: Uint8Array;
  scores: Partial<Record<ScoredName, Float64Array>>;
}

/** Room for `rows` questions. */
export function emptyPlayed(rows: number, classes: number): Played {
  return {
    rows,
    classes,
    at: new Float64Array(rows),
    region: new Array<string>(rows).fill(""),
    label: new Uint16Array(rows),
    prediction: new Uint16Array(rows),
    rung: new Uint8Array(rows),
    accepted: new Uint8Array(rows),
    scores: {},
  };
}

/** Writes down a question and its answer, with the traces that came along. */
export function record(played: Played, row: number, asked: Row, answer: Answer, labels: readonly string[]): void {
  const isOpen = answer.status === "open";
  const isBelowOrigin = answer.rung === "edge" || answer.rung === "region";
  played.at[row] = asked.at;
  played.region[row] = asked.region;
  played.label[row] = labels.indexOf(asked.label);
  played.prediction[row] = labels.indexOf(answer.label);
  played.rung[row] = rungs.indexOf(isOpen ? "human" : answer.rung);
  played.accepted[row] = !isOpen && answer.accepted && isBelowOrigin ? 1 : 0;
  setScores(
    played,
    "ladder",
    row,
    labels.map((label) => answer.scores[label] as number),
  );
  for (const { head, scores } of answer.trace ?? []) {
    const known = heads.find((name) => name === head);
    if (known) setScores(played, known, row, scores);
  }
}

/** Who answered a question. */
export function rungOf(played: Played, row: number): RungName {
  return rungs[played.rung[row] as number] as RungName;
}

/** A head's scores of a question, [classes]; null where it gave none. */
export function scoresOf({ scores, classes }: Played, name: ScoredName, row: number): Float64Array | null {
  const found = scores[name]?.subarray(row * classes, (row + 1) * classes);
  return found && !Number.isNaN(found[0]) ? found : null;
}

/** All rows, in order. */
export function allRows({ rows }: Played): number[] {
  return Array.from({ length: rows }, (_, row) => row);
}

/** Rows by a key, in the keys' order. */
export function rowsBy(rows: readonly number[], key: (row: number) => string): [string, number[]][] {
  return [...Map.groupBy(rows, key)].sort(([a], [b]) => a.localeCompare(b));
}

function setScores(played: Played, name: ScoredName, row: number, scores: readonly number[]): void {
  const { rows, classes } = played;
  played.scores[name] ??= new Float64Array(rows * classes).fill(Number.NaN);
  played.scores[name].set(scores, row * classes);
}
