import { type Answer, type NumberTask, type RungName, rungs } from "#core/contract/index.ts";
import { type Label, numberIn } from "#core/head/label.ts";
import { isWithin } from "#core/regress/read.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import type { Row } from "#origin/recipes/index.ts";

/** The heads that a replay compares; `once` and `retrained` are controls that are not served. */
export const heads = ["global", "regional", "full", "once", "retrained"] as const;
export type HeadName = (typeof heads)[number];
/** What is scored: each head, and the ladder's own answers. */
export type ScoredName = HeadName | "ladder";

/**
 * Replayed questions as columns of `rows` values, in the order of asking; 200,000 questions take about 20 MB. Scores are
 * [rows, classes], with NaN where a head gave none.
 */
export interface Played {
  rows: number;
  classes: number;
  /** Of a model of numbers. */
  number?: NumberTask;
  at: Float64Array;
  region: string[];
  /** The true class, or the true number. */
  label: Float64Array;
  /** The class or the number that the ladder answered; of numbers also the mean, and the ends of the interval [rows, 2]. */
  prediction: Float64Array;
  mean: Float64Array;
  interval: Float64Array;
  /** The rung that answered, as index of `rungs`; human for open questions. */
  rung: Uint8Array;
  /** 1 where edge or region accepted the answer, so that the origin was not asked. */
  accepted: Uint8Array;
  /** The scope of the certificate that came with the answer, as index of `scopes`. */
  certified: Uint8Array;
  scores: Partial<Record<ScoredName, Float64Array>>;
}

/** Whose certificate came with an answer: nobody's, the region's own, that of its group, or the version's. */
export const scopes = ["none", "region", "group", "global"] as const;

/** Allocates room for `rows` questions. */
export function emptyPlayed(rows: number, classes: number, number?: NumberTask): Played {
  const numbers = number ? rows : 0;
  return {
    ...{ rows, classes },
    ...(number ? { number } : {}),
    at: new Float64Array(rows),
    region: new Array<string>(rows).fill(""),
    label: new Float64Array(rows),
    prediction: new Float64Array(rows),
    mean: new Float64Array(numbers),
    interval: new Float64Array(2 * numbers).fill(Number.NaN),
    rung: new Uint8Array(rows),
    accepted: new Uint8Array(rows),
    certified: new Uint8Array(rows),
    scores: {},
  };
}

/** Records a question, its answer and the scores in its trace. */
export function record(played: Played, row: number, asked: Row, answer: Answer, labels: readonly string[]): void {
  const isOpen = answer.status === "open";
  const isBelowOrigin = answer.rung === "edge" || answer.rung === "region";
  played.at[row] = asked.at;
  played.region[row] = asked.region;
  const task = taskOf({ labels, number: played.number });
  const indexOf = (label: string) => numberIn(task.labelOf(label) ?? -1);
  played.label[row] = indexOf(asked.label);
  played.prediction[row] = indexOf(answer.label);
  if (played.number) {
    played.mean[row] = answer.mean ?? (played.prediction[row] as number);
    if (answer.interval) played.interval.set(answer.interval, 2 * row);
  }
  played.rung[row] = rungs.indexOf(isOpen ? "human" : answer.rung);
  played.accepted[row] = !isOpen && answer.accepted && isBelowOrigin ? 1 : 0;
  played.certified[row] = scopes.indexOf(scopeOf(answer));
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

/** Returns the rung that answered a question. */
export function rungOf(played: Played, row: number): RungName {
  return rungs[played.rung[row] as number] as RungName;
}

/** Returns a head's scores of a question, or null when it gave none. */
export function playedScores({ scores, classes }: Played, name: ScoredName, row: number): Float64Array | null {
  const found = scores[name]?.subarray(row * classes, (row + 1) * classes);
  return found && !Number.isNaN(found[0]) ? found : null;
}

/** Returns the label of a question in the form that scores are judged by. */
export function labelAt({ label, number }: Played, row: number): Label {
  const known = label[row] as number;
  return number ? softLabelOf(number.bins, known) : known;
}

/** Tells whether the ladder answered a question right: of numbers, within the tolerance. */
export function isRightAt({ label, prediction, number }: Played, row: number): boolean {
  const [known, answered] = [label[row] as number, prediction[row] as number];
  return number ? isWithin(answered, known, number.tolerance) : answered === known;
}

/** Returns the task of the replayed model; its labels have no names. */
export function taskIn({ classes, number }: Played): Task {
  const names = Array.from({ length: classes }, (_, c) => String(c));
  return taskOf({ labels: names, number });
}

/** Returns all rows in order. */
export function allRows({ rows }: Played): number[] {
  return Array.from({ length: rows }, (_, row) => row);
}

/** Groups rows by a key, sorted by key. */
export function rowsBy(rows: readonly number[], key: (row: number) => string): [string, number[]][] {
  return [...Map.groupBy(rows, key)].sort(([a], [b]) => a.localeCompare(b));
}

function scopeOf({ certificate, region }: Answer): (typeof scopes)[number] {
  if (!certificate) return "none";
  if (certificate.scope === region) return "region";
  return certificate.scope.startsWith("group:") ? "group" : "global";
}

function setScores(played: Played, name: ScoredName, row: number, scores: readonly number[]): void {
  const { rows, classes } = played;
  played.scores[name] ??= new Float64Array(rows * classes).fill(Number.NaN);
  played.scores[name].set(scores, row * classes);
}
