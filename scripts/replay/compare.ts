import { lossOf } from "#core/head/metrics.ts";
import { isRightAt, labelAt, type Played, playedScores, rungOf, type ScoredName, taskIn } from "./played.ts";

/** Ways to answer the same questions: with one head only, or with the ladder. */
export const strategies = ["edge only", "regional only", "origin only", "ladder"] as const;
type Strategy = (typeof strategies)[number];

/** How well a strategy answered a set of questions, and how many origin calls that took. */
interface StrategyResult {
  answered: number;
  /** Null without answers, as is the log-loss. */
  accuracy: number | null;
  logLoss: number | null;
  originCalls: number;
}

/** All strategies on the same questions, at equal coverage. */
export interface Comparison {
  /** Number of questions that every strategy scored. */
  questions: number;
  /** The share that the ladder answered below the origin. */
  liveCoverage: number;
  /** Every question is answered. */
  all: Record<Strategy, StrategyResult>;
  /** As many answers as the ladder accepted: its own, and each head's most confident ones. */
  atLiveCoverage: Record<Strategy, StrategyResult>;
  /** The cascade with the fewest origin calls that is as accurate as the origin alone. */
  atOriginAccuracy: Cascade;
}

/** The regional head answers the questions it is most confident of, and the origin answers the rest. */
interface Cascade {
  /** The share of questions that the origin is not asked. */
  saved: number;
  accuracy: number;
  /** The origin's accuracy on all questions. */
  originAccuracy: number;
}

const headOf: Record<Strategy, ScoredName> = {
  "edge only": "global",
  "regional only": "regional",
  "origin only": "full",
  ladder: "ladder",
};

/** Compares the strategies on the rows that all of them scored; null when there are none. */
export function compare(played: Played, rows: readonly number[]): Comparison | null {
  const known = rows.filter((row) => strategies.every((name) => playedScores(played, headOf[name], row) !== null));
  if (known.length === 0) return null;
  const accepted = known.filter((row) => played.accepted[row] === 1);
  const confident = (name: Strategy) => mostConfident(played, name, known, accepted.length);
  const resultOf = (name: Strategy, answered: readonly number[], originCalls: number) =>
    measure(played, name, answered, originCalls);
  return {
    questions: known.length,
    liveCoverage: accepted.length / known.length,
    all: {
      "edge only": resultOf("edge only", known, 0),
      "regional only": resultOf("regional only", known, 0),
      "origin only": resultOf("origin only", known, known.length),
      ladder: resultOf("ladder", known, known.filter((row) => rungOf(played, row) === "origin").length),
    },
    atLiveCoverage: {
      "edge only": resultOf("edge only", confident("edge only"), 0),
      "regional only": resultOf("regional only", confident("regional only"), 0),
      // The origin's confidence is known only after asking it.
      "origin only": resultOf("origin only", confident("origin only"), known.length),
      ladder: resultOf("ladder", accepted, 0),
    },
    atOriginAccuracy: cascade(played, known),
  };
}

function cascade(played: Played, rows: readonly number[]): Cascade {
  const task = taskIn(played);
  const isRight = (name: Strategy, row: number) =>
    Number(task.grade(playedScores(played, headOf[name], row) as Float64Array, labelAt(played, row)).right);
  const originRight = rows.reduce((sum, row) => sum + isRight("origin only", row), 0);
  let right = originRight;
  let [saved, rightThen] = [0, originRight];
  for (const [i, row] of mostConfident(played, "regional only", rows, rows.length).entries()) {
    right += isRight("regional only", row) - isRight("origin only", row);
    if (right >= originRight) [saved, rightThen] = [i + 1, right];
  }
  const n = rows.length;
  return { saved: saved / n, accuracy: rightThen / n, originAccuracy: originRight / n };
}

function measure(played: Played, name: Strategy, rows: readonly number[], originCalls: number): StrategyResult {
  const task = taskIn(played);
  let right = 0;
  let loss = 0;
  for (const row of rows) {
    const scores = playedScores(played, headOf[name], row) as Float64Array;
    const label = labelAt(played, row);
    if (name === "ladder" ? isRightAt(played, row) : task.grade(scores, label).right) right++;
    loss += lossOf(scores, label);
  }
  const mean = (sum: number) => (rows.length === 0 ? null : sum / rows.length);
  return { answered: rows.length, accuracy: mean(right), logLoss: mean(loss), originCalls };
}

function mostConfident(played: Played, name: Strategy, rows: readonly number[], count: number): number[] {
  const confidence = new Float64Array(played.rows);
  const task = taskIn(played);
  for (const row of rows) {
    confidence[row] = task.read(playedScores(played, headOf[name], row) as Float64Array).confidence;
  }
  return [...rows].sort((a, b) => (confidence[b] as number) - (confidence[a] as number)).slice(0, count);
}
