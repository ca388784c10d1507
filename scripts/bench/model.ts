import type { Input, Instance, NamedColumn, TensorManifest } from "#core/contract/index.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import type { Artefact, Unpublished } from "#origin/train/index.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import { benchWidths } from "./widths.ts";

export const benchModel = "bench";

/** Embeddings from random weights stay well below 8. */
const embeddingStep = 1 / 4096;

/** An instance for the benchmark's model. */
export const benchInstance: Instance = Object.fromEntries(
  Array.from({ length: benchWidths[0] }, (_, i) => [`x${i}`, (i - 12) / 10]),
);

/** What a benchmark's model is, where it differs from the usual one. */
interface BenchOptions {
  model?: string;
  /** The width of the embedding. */
  width?: number;
  keep?: "none" | "all";
  /** Whether an instance is named columns or one tensor. */
  input?: "features" | "tensor";
}

/** Makes a network with fixed random weights whose every answer the edge accepts. */
export async function benchArtefact(options: BenchOptions = {}): Promise<Artefact> {
  const { model: name = benchModel, width = benchWidths[2], keep = "none", input: kind = "features" } = options;
  await startBackend();
  const [inputs, hidden, , classes] = benchWidths;
  const units = [hidden, width].map((size) => ({ type: "dense" as const, units: size }));
  const model = buildNetwork({ shapes: [[inputs]], layers: units, classes, seed: 1 });
  const input: Input =
    kind === "tensor"
      ? { kind, shape: [inputs], dtype: "float32", scale: 1, offset: 0 }
      : { kind, columns: Object.keys(benchInstance).map((column) => numberColumn(column)) };
  const blobs: Blobs = new Map();
  const { backbone, ...packed } = await packNetwork(model, input, blobs);
  const embedding = { ...backbone.embedding, step: embeddingStep };
  const rule = { threshold: 0, strictest: 0, targetRisk: 0.5, delta: 0.05, certificate: null, uncertified: null };
  const metrics = { n: 1, logLoss: 1, auc: null, accuracy: 0.5, coverage: {} };
  return {
    blobs,
    draft: {
      format: "upriver/2",
      model: name,
      task: "classify",
      labels: ["no", "yes"],
      thin: { ...packed, backbone: { ...backbone, embedding }, rule },
      full: null,
      anchor: null,
      prior: null,
      policy: {
        ladder: ["edge", "region"],
        regions: { from: "cf", keys: ["weur"], parent: "world" },
        keep,
        auditShare: 0,
        truth: "some",
        uncertified: "answer",
        groupBy: { by: "question" },
        originLabelWeight: 0,
        keepInputs: true,
        samplesMax: 20_000,
        learning: [],
        retrainEverySeconds: 24 * 3600,
        retrainAfterSeconds: null,
        retrainMinLabels: 30,
        originEverySeconds: null,
      },
      metrics: { thin: metrics, full: null },
      trainedOn: { rows: 1, from: null, to: null, sources: {}, regions: {} },
      examples: [kind === "tensor" ? (Object.values(benchInstance) as number[]) : benchInstance],
    },
  };
}

/** Makes the same network as a model of tensors: its outputs are served as they are. */
export async function benchTensors(model: string): Promise<Artefact<Unpublished<TensorManifest>>> {
  await startBackend();
  const [inputs, hidden, width, outputs] = benchWidths;
  const units = [hidden, width, outputs].map((size) => ({ type: "dense" as const, units: size }));
  const built = buildNetwork({ shapes: [[inputs]], layers: units, classes: outputs, seed: 1 });
  const blobs: Blobs = new Map();
  const given = { name: "instance", tensor: "instance", shape: [inputs], dtype: "float32" as const };
  const { backbone } = await packNetwork(
    built,
    { kind: "tensor", shape: [inputs], dtype: "float32", scale: 1, offset: 0 },
    blobs,
  );
  const { embedding, ...files } = backbone;
  const scores = { name: "scores", tensor: embedding.tensor, shape: [outputs], dtype: "float32" as const };
  const network = { ...files, inputs: [given], outputs: [scores], batch: true };
  return { blobs, draft: { format: "upriver/2", model, task: "tensor", network, examples: [] } };
}

function numberColumn(name: string): NamedColumn {
  return { type: "number", name, mean: 0, deviation: 1 };
}
