import type { Metrics, NetworkSpec } from "#core/contract/index.ts";
import { evaluate } from "#core/head/metrics.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { encodeRows } from "./dataset.ts";
import type { Artefact, NetworkName } from "./index.ts";
import { readFrom, scoreDataset } from "./score.ts";

/** Judges a trained model's networks on other rows. Throws when there are none. */
export async function judge(
  recipe: Recipe,
  { draft, blobs }: Artefact,
  rows: readonly Row[],
): Promise<Record<NetworkName, Metrics>> {
  if (rows.length === 0) throw new Error("There are no rows with a label to judge on.");
  const of = async (spec: NetworkSpec): Promise<Metrics> => {
    const data = encodeRows(recipe, spec.input, rows);
    try {
      return evaluate(await scoreDataset(spec, readFrom(blobs), data), Array.from(data.labels));
    } finally {
      data.values.release();
    }
  };
  return { thin: await of(draft.thin), full: await of(draft.full ?? draft.thin) };
}
