import type { TrainingSet } from "#origin/train/batches.ts";
import { RowStore } from "#origin/train/row-store.ts";

/** Creates a training set of two regions and two classes from rows of values, all with the same weight. */
export function trainingSet(
  shape: number[],
  values: Float32Array,
  labels: Int32Array,
  regions: Int32Array = new Int32Array(labels.length),
): TrainingSet {
  const rows = labels.length;
  const width = shape.reduce((product, dimension) => product * dimension, 1);
  const store = new RowStore(rows, width);
  for (let row = 0; row < rows; row++) store.write(row, values.subarray(row * width, (row + 1) * width));
  const weights = new Float32Array(rows).fill(1);
  const data = { rows, shapes: [shape], values: store, labels, regions, weights, regionCount: 2, regionColumns: null };
  return { data, classes: 2, teacher: null, classWeights: null };
}
