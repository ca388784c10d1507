import * as tf from "@tensorflow/tfjs-core";
import { concatBytes } from "#core/bytes.ts";
import { readWeights } from "#core/model/tfjs/weights.ts";
import type { StoredPart } from "../train/pack.ts";
import { partsOf, type TfjsModelFiles } from "./files.ts";

/** A weight expanded to float32. */
export interface WeightValues {
  shape: number[];
  values: Float32Array;
}

/** Expands some of a model's weights, by name. */
export function valuesOf(files: TfjsModelFiles, names: readonly string[]): Map<string, WeightValues> {
  const parts = partsOf(files);
  return expanded(names.flatMap((name) => parts.get(name) ?? []));
}

/** Expands stored weights to float32, by name. */
export function expanded(parts: readonly StoredPart[]): Map<string, WeightValues> {
  const tensors = readWeights(
    parts.map(({ spec }) => spec),
    concatBytes(parts.map(({ bytes }) => bytes)).buffer,
  );
  const found = [...tensors].map(([name, tensor]): [string, WeightValues] => {
    return [name, { shape: tensor.shape, values: tensor.dataSync() as Float32Array }];
  });
  tf.dispose([...tensors.values()]);
  return new Map(found);
}
