import type { Metrics, NetworkSpec } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { encodeRows, labelsOf } from "./dataset.ts";
import type { Artefact, NetworkName } from "./index.ts";
import { withBins } from "./numbers.ts";
import { readFrom, scoreDataset } from "./score.ts";

/** Judges a trained model's networks on other rows. Throws when there are none. */
export async function judge(
  given: Recipe,
  { draft, blobs }: Artefact,
  rows: readonly Row[],
): Promise<Record<NetworkName, Metrics>> {
  const recipe = withBins(given, [], draft);
  if (rows.length === 0) throw new Error("There are no rows with a label to judge on.");
  const of = async (spec: NetworkSpec): Promise<Metrics> => {
    const data = encodeRows(recipe, spec.input, rows);
    try {
      return taskOf(draft).evaluate(await scoreDataset(spec, readFrom(blobs), data), labelsOf(data), spec.reading);
    } finally {
      data.values.release();
    }
  };
  return { thin: await of(draft.thin), full: await of(draft.full ?? draft.thin) };
}
