import { argMax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import { type Played, type ScoredName, scoresOf } from "./played.ts";

/** Ways to answer the same questions: by one head alone wherever it runs, or by the ladder. */
export const strategies = ["edge only", "regional only", "origin only", "ladder"] as const;
export type Strategy = (typeof strategies)[number];

/** How well a contender answered a set of questions, and how many of them went to the origin for it. */
export interface StrategyResult {
  answered: number;
  /** Null where nothing was answered, as the log-loss is. */
  accuracy: number | null;
  logLoss: number | null;
  originCalls: number;
}

/** All strategies on the same questions, at equal coverage. */
export interface Comparison {
  /** The questions that all of them scored. */
  questions: number;
  /** The share that the ladder answered below the origin, by a rule. */
  liveCoverage: number;
  /** Every question is answered. */
  all: Record<Strategy, StrategyResult>;
  /** As many as the ladder's rule let pass: its own; of each head, the ones that it was most confident of. */
  atLiveCoverage: Record<Strategy, StrategyResult>;
  /** The cascade that asks the origin least and is right as often as the origin that answers all. */
  atOriginAccuracy: Cascade;
}

/** The regional head answers the questions that it is most confident of, the origin the rest. */
export interface Cascade {
  /** The share of questions that never go to the origin. */
  saved: number;
  accuracy: number;
  /** The origin's, on all. */
  originAccuracy: number;
}

const headOf: Record<Strategy, ScoredName> = {
  "edge only": "global",
  "regional only": "regional",
  "origin only": "full",
  ladder: "ladder",
};

/** Compares the strategies on those of the rows that all have scored; null where there is none. */
export function compare(played: Played, rows: readonly number[]): Comparison | null {
  const known = rows.filter((row) => strategies.every((name) => scoresOf(played, headOf[name], row) !== null));
  if (known.length === 0) return null;
  const accepted = known.filter((row) => played.accepted[row] === 1);
  const surest = (name: Strategy) => mostConfident(played, name, known, accepted.length);
  const stand = (name: Strategy, answered: readonly number[], originCalls: number) =>
    standing(played, name, answered, originCalls);
  return {
    questions: known.length,
    liveCoverage: accepted.length / known.length,
    all: {
      "edge only": stand("edge only", known, 0),
      "regional only": stand("regional only", known, 0),
      "origin only": stand("origin only", known, known.length),
      ladder: stand("ladder", known, known.length - accepted.length),
    },
    atLiveCoverage: {
      "edge only": stand("edge only", surest("edge only"), 0),
      "regional only": stand("regional only", surest("regional only"), 0),
      // How sure the origin is shows only when it has been asked.
      "origin only": stand("origin only", surest("origin only"), known.length),
      ladder: stand("ladder", accepted, 0),
    },
    atOriginAccuracy: cascade(played, known),
  };
}

function cascade(played: Played, rows: readonly number[]): Cascade {
  const isRight = (name: Strategy, row: number) =>
    argMax(scoresOf(played, headOf[name], row) as Float64Array) === played.label[row] ? 1 : 0;
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

function standing(played: Played, name: Strategy, rows: readonly number[], originCalls: number): StrategyResult {
  let right = 0;
  let loss = 0;
  for (const row of rows) {
    const scores = scoresOf(played, headOf[name], row) as Float64Array;
    const label = played.label[row] as number;
    const prediction = name === "ladder" ? played.prediction[row] : argMax(scores);
    if (prediction === label) right++;
    loss += lossOf(scores, label);
  }
  const mean = (sum: number) => (rows.length === 0 ? null : sum / rows.length);
  return { answered: rows.length, accuracy: mean(right), logLoss: mean(loss), originCalls };
}

function mostConfident(played: Played, name: Strategy, rows: readonly number[], count: number): number[] {
  const confidence = new Float64Array(played.rows);
  for (const row of rows) confidence[row] = Math.max(...(scoresOf(played, headOf[name], row) as Float64Array));
  return [...rows].sort((a, b) => (confidence[b] as number) - (confidence[a] as number)).slice(0, count);
}
