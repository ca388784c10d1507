import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import { accepts, gradeAnswer } from "#core/confidence/rule.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { scoresOf } from "#core/head/head.ts";
import { loadNetwork } from "#core/model/network.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { embedRows, encodeRows } from "#origin/train/dataset.ts";
import { fitNetwork } from "#origin/train/fit.ts";
import { type Artefact, train } from "#origin/train/index.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import { testRule } from "#test/helpers/model.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const storefront = exampleRecipe("storefront");

beforeAll(startBackend);

function network(spec: NetworkSpec, blobs: Blobs) {
  return tfjsEngine().then((engine) =>
    loadNetwork(engine, spec, async ({ sha256 }) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer),
  );
}

describe("packing", () => {
  it("cuts a network into backbone and head with the same scores", async () => {
    const model = layers.sequential();
    model.add(layers.layers.dense({ units: 9, activation: "relu", inputShape: [5] }));
    model.add(layers.layers.dense({ units: 6, activation: "tanh" }));
    model.add(layers.layers.dense({ units: 3, activation: "softmax" }));
    const values = uniform(seeded(8), 7 * 5, -2, 2);
    const expected = (model.predict(tf.tensor2d(values, [7, 5])) as tf.Tensor).dataSync();
    const blobs: Blobs = new Map();
    const [backbone, head] = [layers.sequential({ layers: model.layers.slice(0, -1) }), model.layers.at(-1)];
    const packed = await packNetwork(
      { whole: model, backbone, head: head as layers.layers.Layer },
      { kind: "tensor", shape: [5], dtype: "float32", scale: 1, offset: 0 },
      blobs,
    );
    const loaded = await network({ ...packed, rule: testRule(0) }, blobs);
    const embeddings = loaded.backbone.embed(values, 7);
    for (let row = 0; row < 7; row++) {
      scoresOf(loaded.head, embeddings, row * 6).forEach(
        (score, c) => void expect(score).toBeCloseTo(expected[row * 3 + c] as number, 5),
      );
    }
  });
});

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
      const set = { data, classes: 6, teacher: null };
      const { network: trained } = await fitNetwork(set, data, { layers: [{ type: "dense", units: 6 }], plan });
      return Array.from((trained.whole.getWeights()[0] as tf.Tensor).dataSync());
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
