import * as layers from "@tensorflow/tfjs-layers";
import type { Input, Instance } from "../../workers/core/contract/index.ts";
import { startBackend } from "../../workers/core/model/tfjs/backend.ts";
import type { Artefact } from "../../workers/origin/train/index.ts";
import { type Blobs, packNetwork } from "../../workers/origin/train/pack.ts";
import { benchWidths } from "./widths.ts";

export const benchModel = "bench";

/** A question of the bench's model. */
export const benchInstance: Instance = Object.fromEntries(
  Array.from({ length: benchWidths[0] }, (_, i) => [`x${i}`, (i - 12) / 10]),
);

/** A network with random weights whose every answer the edge accepts. */
export async function benchArtefact(): Promise<Artefact> {
  await startBackend();
  const [inputs, ...units] = benchWidths;
  const model = layers.sequential();
  for (const [i, width] of units.entries()) {
    const activation = i < units.length - 1 ? "relu" : "softmax";
    model.add(
      layers.layers.dense({
        name: `dense_${i}`,
        units: width,
        activation,
        ...(i === 0 ? { inputShape: [inputs] } : {}),
      }),
    );
  }
  const input: Input = {
    kind: "features",
    columns: Object.keys(benchInstance).map((name) => ({ type: "number", name, mean: 0, deviation: 1 })),
  };
  const blobs: Blobs = new Map();
  const packed = await packNetwork(model, input, blobs);
  const rule = { threshold: 0, strictest: 0, targetRisk: 0.5, delta: 0.05, certificate: null, uncertified: null };
  const metrics = { n: 1, logLoss: 1, auc: null, accuracy: 0.5, coverage: {} };
  return {
    blobs,
    draft: {
      format: "upriver/1",
      model: benchModel,
      task: "classify",
      labels: ["no", "yes"],
      thin: { ...packed, rule },
      full: null,
      anchor: null,
      prior: null,
      policy: {
        ladder: ["edge", "region"],
        regions: { from: "cf", keys: ["weur"], parent: "world" },
        keep: "none",
        auditShare: 0,
        truth: "some",
        uncertified: "answer",
        split: { by: "question" },
        originLabelWeight: 0,
        keepInputs: true,
        samplesMax: 20_000,
        learning: [],
        retrainEverySeconds: 24 * 3600,
      },
      metrics: { thin: metrics, full: null },
      trainedOn: { rows: 1, from: null, to: null, sources: {}, regions: {} },
      examples: [benchInstance],
    },
  };
}
