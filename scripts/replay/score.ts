import type { HeadWeights } from "#core/head/head.ts";
import { scoresOf } from "#core/head/head.ts";
import type { Network } from "#core/model/network.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { embedRows, encodeRows } from "#origin/train/dataset.ts";

const batchRows = 4096;

/** Scores rows with a network, and with the row's regional head if `heads` has one; returns [rows, classes]. */
export function scoreRows(
  recipe: Recipe,
  { spec, backbone, head }: Network,
  rows: readonly Row[],
  heads: ReadonlyMap<string, HeadWeights> = new Map(),
): Float64Array {
  const { width, classes } = head;
  const all = new Float64Array(rows.length * classes);
  for (let first = 0; first < rows.length; first += batchRows) {
    const batch = rows.slice(first, first + batchRows);
    const embeddings = embedRows(backbone, encodeRows(recipe, spec.input, batch));
    for (const [i, { region }] of batch.entries()) {
      all.set(scoresOf(heads.get(region) ?? head, embeddings, i * width), (first + i) * classes);
    }
  }
  return all;
}
