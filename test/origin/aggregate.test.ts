import { describe, expect, it } from "vitest";
import type { UpriverClient } from "#client/index.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { quantise } from "#core/head/embedding.ts";
import { addRow, emptySums, encodeSums, labelWeightUnit, type Sums } from "#core/head/sums.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { aggregate } from "#origin/aggregate.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { embedRows, encodeRows, labelAt } from "#origin/train/dataset.ts";
import { train } from "#origin/train/index.ts";
import { withBins } from "#origin/train/numbers.ts";
import { numberRecipe } from "#test/helpers/number-rows.ts";

const storefront = exampleRecipe("storefront");

// Only the thin network is aggregated: full is as small as it can be.
const recipe: Recipe = {
  ...storefront,
  full: { ...storefront.full, layers: [{ type: "dense", units: 2 }], training: { epochs: 1 } },
  training: { ...storefront.training, epochs: 2 },
};
const options = { before: null };

/** A client with a trained version, and regions with the sums of this percentage of the recipe's rows. */
async function served(recipe: Recipe, share: number) {
  const { draft, blobs } = await train(recipe, { backend: "wasm" });
  const { thin } = draft;
  const network = await loadNetwork(
    servingEngine,
    thin,
    async ({ sha256 }) => blobs.get(sha256)?.buffer as ArrayBuffer,
  );
  const rows = (await recipe.load({})).filter((_, i) => i % 100 < share);
  const { width, classes } = thin.head;
  const regions = new Map<string, Sums>();
  for (const [region, own] of Map.groupBy(rows, (row) => row.region)) {
    const data = encodeRows(withBins(recipe, [], draft), thin.input, own);
    const embeddings = embedRows(network.backbone, data);
    const sums = emptySums(width, classes);
    for (let row = 0; row < data.rows; row++) {
      const label = labelAt(data, row);
      const vector = quantise(embeddings.subarray(row * width, (row + 1) * width), thin.backbone.embedding.step);
      addRow(sums, { vector, label, weight: labelWeightUnit });
    }
    regions.set(region, sums);
  }
  const manifest = { ...draft, version: 1, parent: null, createdAt: "2026-01-01T00:00:00.000Z" } as ClassifyManifest;
  const client = {
    manifest: async () => manifest,
    regions: async () => [...regions.keys()].map((region) => ({ region })),
    sums: async (_: string, region: string) => encodeSums(regions.get(region) as Sums).buffer,
    blob: async (sha256: string) => blobs.get(sha256)?.buffer,
  };
  return { client: client as unknown as UpriverClient, manifest };
}

describe("an aggregation", () => {
  it("makes a global head from all regions' labels on the same backbone, and needs new labels for the next one", async () => {
    const { client, manifest } = await served(recipe, 20);
    const { artefact, labels } = await aggregate(client, recipe, options);
    const total = Object.values(labels).reduce((sum, n) => sum + n, 0);
    expect(Object.keys(labels)).toHaveLength(12);
    expect(artefact.draft.thin.backbone).toEqual(manifest.thin.backbone);
    expect(artefact.draft.thin.head.blob.sha256).not.toBe(manifest.thin.head.blob.sha256);
    expect(artefact.draft.trainedOn.sources).toMatchObject({ regions: total });
    expect(artefact.draft.metrics.thin.accuracy).toBeGreaterThan(0.6);
    // The same labels are not new.
    Object.assign(manifest, artefact.draft);
    await expect(aggregate(client, recipe, options)).rejects.toThrow(
      /Only 0 labels are new since the last aggregation, and at least 50 are needed/,
    );
  });

  it("makes a head for numbers from sums of soft labels, and fits its reading again", async () => {
    const numbers = await numberRecipe(1_200);
    const { client, manifest } = await served(numbers, 60);
    const { artefact } = await aggregate(client, numbers, options);
    const { draft } = artefact;
    expect(draft).toMatchObject({ task: "regress", number: manifest.number, labels: manifest.labels });
    expect(draft.thin.reading?.within.slope).toBeGreaterThan(0);
    expect(draft.metrics.thin.number?.mae).toBeLessThan(5);
    expect(draft.thin.backbone).toEqual(manifest.thin.backbone);
  });
});
