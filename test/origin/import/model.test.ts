import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifyManifestSchema, type FeaturesInput } from "#core/contract/index.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { importModel } from "#origin/import/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { planInput } from "#origin/train/columns.ts";
import { baseRows } from "#origin/train/rows.ts";
import { assignSplits, type RowsBySplit } from "#origin/train/splits.ts";
import { saveLayersModel } from "#test/helpers/saved-model.ts";

const recipe = exampleRecipe("storefront");

let folder: string;
let splits: RowsBySplit;
let thin: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-import-"));
  splits = assignSplits(recipe, (await baseRows(recipe, {})).slice(0, 3_000));
  thin = await saveLayersModel(network(8), join(folder, "thin"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a version of imported networks", () => {
  it("is a complete manifest with the recipe's labels and policy, evaluated on its held-out rows", async () => {
    const full = await saveLayersModel(network(8 + 12), join(folder, "full"));
    const { draft, blobs } = await importModel(recipe, splits, { thin, full });
    const numbered = { ...draft, version: 1, parent: null, createdAt: "2026-01-01T00:00:00.000Z" };
    const manifest = classifyManifestSchema.parse(numbered);
    expect(manifest).toMatchObject({ model: "storefront", labels: recipe.labels, policy: recipe.policy });
    expect(manifest.metrics.thin.n).toBe(splits.calibration.length);
    expect(manifest.metrics.full?.n).toBe(splits.calibration.length);
    expect(manifest.trainedOn.rows).toBe(splits.train.length);
    // An untrained network cannot be certified.
    expect(manifest.thin.rule.certificate).toBeNull();
    const needed = [manifest.prior?.blob, manifest.anchor?.blob, manifest.thin.head.blob, manifest.full?.head.blob];
    expect(needed.every((blob) => blob && blobs.has(blob.sha256))).toBe(true);
  });

  it("uses the inputs that its networks were trained with, if given", async () => {
    const own = planInput(recipe.thin.input, splits.train) as FeaturesInput;
    const columns = own.columns.map((column) => (column.type === "number" ? { ...column, mean: 7 } : column));
    const inputs = { thin: { ...own, columns } };
    const { draft } = await importModel(recipe, splits, { thin, full: null, inputs });
    expect(draft.thin.input).toEqual(inputs.thin);
    expect([draft.full, draft.metrics.full]).toEqual([null, null]);
  });
});

function network(inputs: number): layers.LayersModel {
  const kernelInitializer = () => layers.initializers.glorotNormal({ seed: 4 });
  return layers.sequential({
    layers: [
      layers.layers.dense({
        units: 6,
        activation: "relu",
        inputShape: [inputs],
        kernelInitializer: kernelInitializer(),
      }),
      layers.layers.dense({ units: recipe.labels.length, kernelInitializer: kernelInitializer() }),
    ],
  });
}
