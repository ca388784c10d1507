import type { Compared } from "../../../workers/core/confidence/gate.ts";
import { judge } from "../../../workers/core/confidence/rule.ts";
import { scoresOf, softmax } from "../../../workers/core/head/head.ts";
import { lossOf } from "../../../workers/core/head/metrics.ts";
import { crossFitParts, type FitState, logitsOfRow } from "../../../workers/core/head/softmax-fit.ts";
import type { HeadWeights } from "../../../workers/core/model/engine.ts";
import type { RunData, SampleRows } from "./data.ts";

/** The head in use: the region's own, or the global one. */
export interface CurrentHead {
  /** The region's head; null for the global one. */
  own: HeadWeights | null;
  /** The last sample that the head has learned from; 0 for the global one. */
  lastSample: number;
}

/**
 * Every held-out row as both heads score it: all of tune, and of train the rows that the current head has not learned
 * from, each scored by the cross-fitted head that did not see it.
 */
export function compareHeads(data: RunData, fit: FitState, temperature: number, current: CurrentHead): Compared[] {
  const { train, tune, classes, start } = data;
  const best = fit.best?.weights as Float32Array;
  const width = start.length / classes;
  const compare = (rows: SampleRows, row: number, weights: Float32Array): Compared => {
    const label = rows.labels[row] as number;
    const candidate = softmax(logitsOfRow(rows.inputs, row, weights, classes), temperature);
    const before = current.own
      ? scoresOf(current.own, rows.inputs, row * width)
      : softmax(logitsOfRow(rows.inputs, row, start, classes), 1);
    return {
      cluster: rows.splits[row] as string,
      currentLoss: lossOf(before, label),
      candidateLoss: lossOf(candidate, label),
      current: judge(before, label),
      candidate: judge(candidate, label),
    };
  };
  const parts = crossFitParts(train);
  const unseen = train.numbers.flatMap((number, row) =>
    number > current.lastSample && train.mayJudge[row] ? [row] : [],
  );
  return [
    ...tune.numbers.map((_, row) => compare(tune, row, best)),
    ...unseen.map((row) => compare(train, row, fit.crossFitted[parts[row] as number] as Float32Array)),
  ];
}
