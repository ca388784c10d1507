import type * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { accepts, gradeAnswer } from "#core/confidence/rule.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { scoresOf } from "#core/head/head.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { embedRows, encodeRows } from "#origin/train/dataset.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { type Artefact, train } from "#origin/train/index.ts";
import type { Blobs } from "#origin/train/pack.ts";

const storefront = exampleRecipe("storefront");

beforeAll(startBackend);

function network(spec: NetworkSpec, blobs: Blobs) {
  return loadNetwork(servingEngine, spec, async ({ sha256 }) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer);
}

describe("training", () => {
  it("gives the same network for the same seed, and another network for another seed", async () => {
    const rows = (await storefront.load({})).slice(0, 800);
    const input = {
      kind: "features" as const,
      columns: [{ type: "number" as const, name: "temperature", mean: 15, deviation: 10 }],
    };
    const thin = rows.map((row) => ({
      ...row,
      instance: { temperature: (row.instance as { temperature: number }).temperature },
    }));
    const data = encodeRows(storefront, input, thin);
    const firstWeights = async (seed: number) => {
      const plan = { ...storefront.training, ...storefront.thin.training, epochs: 2, seed };
      const set = { data, classes: 6, teacher: null, classWeights: null };
      const form = { kind: "network" as const, layers: [{ type: "dense" as const, units: 6 }] };
      const { network: trained } = await fitNetwork(set, data, { form, plan });
      return Array.from((trained.variables[0] as tf.Variable).dataSync());
    };
    const first = await firstWeights(1);
    expect(await firstWeights(1)).toEqual(first);
    expect(await firstWeights(2)).not.toEqual(first);
  });

  describe("of storefront", () => {
    let artefact: Artefact;
    beforeAll(async () => {
      artefact = await train({ ...storefront, training: { ...storefront.training, epochs: 6 } }, { backend: "wasm" });
    });

    it("makes certificates that hold on later rows, within three standard errors", async () => {
      const later = (await storefront.load({})).filter(({ at }) => at >= Date.parse(storefront.trainBefore as string));
      const { thin, full } = artefact.draft;
      for (const spec of [thin, full as NetworkSpec]) {
        const data = encodeRows(storefront, spec.input, later);
        const { backbone, head } = await network(spec, artefact.blobs);
        const embeddings = embedRows(backbone, data);
        const judged = Array.from(data.labels, (label, row) =>
          gradeAnswer(scoresOf(head, embeddings, row * head.width), label),
        );
        const accepted = judged.filter(({ confidence }) => accepts(spec.rule, confidence));
        const error = accepted.filter(({ right }) => !right).length / accepted.length;
        const { bound, coverage } = spec.rule.certificate as NonNullable<typeof spec.rule.certificate>;
        expect(error).toBeLessThan(bound + 3 * Math.sqrt((bound * (1 - bound)) / accepted.length));
        expect(Math.abs(accepted.length / data.rows - coverage)).toBeLessThan(0.06);
      }
    });

    it("makes full, which knows the region, more accurate and able to accept more than thin", () => {
      const { metrics, thin, full, examples } = artefact.draft;
      expect(metrics.full?.accuracy).toBeGreaterThan(metrics.thin.accuracy + 0.05);
      expect(full?.rule.certificate?.coverage).toBeGreaterThan((thin.rule.certificate?.coverage ?? 1) + 0.2);
      expect(examples).toHaveLength(2);
    });
  });
});
