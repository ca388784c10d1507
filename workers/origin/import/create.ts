import { relative, resolve } from "node:path";
import { acceptNothing } from "#core/confidence/rule.ts";
import {
  type BaseRecipe,
  type ImageInput,
  type Input,
  learningParts,
  type NetworkSpec,
  type Policy,
  type TensorInput,
  type TensorSpec,
} from "#core/contract/index.ts";
import { inputShapes, sizeOf } from "#core/input/index.ts";
import type { Tensor, TensorInfo } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { seededRandom } from "../random.ts";
import type { Artefact } from "../train/index.ts";
import { type Blobs, packModel, packParts } from "../train/pack.ts";
import { readFrom } from "../train/score.ts";
import { type BackboneParts, backboneOf } from "./backbone.ts";
import { readModelFiles } from "./files.ts";
import { inspect } from "./inspect.ts";
import { headAndBackbone } from "./network.ts";

export interface CreateOptions {
  model: string;
  /** The base's model.json, its folder, or its .onnx file. */
  base: string;
  /** The layer, or the graph's node, whose output is the embedding; the one before the last dense layer unless given. */
  cut?: string | undefined;
  labels: readonly string[];
  /** Starts with the base's own last layer, whose classes are the labels in their order; with an untrained one unless set. */
  keepHead?: boolean | undefined;
  /** Inputs are scaled by value · scale + offset; pixels to 0..1 unless given. */
  scale?: number | undefined;
  offset?: number | undefined;
  /** The error rate allowed among accepted answers. */
  targetRisk: number;
}

const delta = 0.05;
const defaultRisk = 0.05;
/** Headroom of the int16 range above the largest embedding of random inputs: those of real inputs may be larger. */
const embeddingHeadroom = 8;
const sampleRows = 32;
const pixelMax = 255;

/**
 * Creates a model from a pre-trained base: the base cut at a layer, with an untrained head or its own. It has no origin: its
 * regions train their heads on the labels that they receive. Throws when the base cannot be cut or cannot run at the edge.
 */
export async function createModel(options: CreateOptions): Promise<Artefact> {
  const { model, base, labels, keepHead, targetRisk } = options;
  const files = await readModelFiles(base, { pictures: true });
  const { inputs, unsupported, embedding, batch } = await inspect(files);
  if (unsupported.length > 0) {
    throw new Error(`The edge cannot run this base. 'npx upriver import ${base}' lists its unsupported operations.`);
  }
  if (!batch) throw new Error("This base takes one instance at a time. Export it with a batch dimension.");
  const blobs: Blobs = new Map();
  const input = inputFor(inputs, options);
  const own = keepHead ? await headAndBackbone(files, input, labels.length) : null;
  const cut = options.cut ?? embedding?.tensor;
  if (cut === undefined)
    throw new Error("The base does not end in a dense layer. Choose the layer to cut at with --cut <layer>.");
  const parts = own ?? (await backboneOf(files, cut));
  const { width, largest } = await measureEmbedding(parts, input);
  const head = own?.head ?? {
    weights: new Float32Array(width * labels.length),
    bias: new Float32Array(labels.length),
  };
  const packed = await packParts({ ...parts, head }, input, blobs);
  const step = (embeddingHeadroom * largest) / 32767 || 1;
  const thin: NetworkSpec = {
    ...packed,
    backbone: { ...packed.backbone, embedding: { ...packed.backbone.embedding, step } },
    rule: {
      ...{ threshold: acceptNothing, strictest: acceptNothing, targetRisk, delta, certificate: null },
      uncertified: { status: "pending", reason: "it has no labels yet", labels: 0, labelsNeeded: null },
    },
  };
  return {
    draft: {
      format: "upriver/2",
      model,
      task: "classify",
      labels: [...labels],
      thin,
      full: null,
      anchor: null,
      prior: null,
      policy,
      // The metrics of equal scores for all labels.
      metrics: {
        thin: { n: 0, logLoss: Math.log(labels.length), auc: null, accuracy: 1 / labels.length, coverage: {} },
        full: null,
      },
      trainedOn: { rows: 0, from: null, to: null, sources: {}, regions: {} },
      examples: [],
    },
    blobs,
  };
}

/** Creates the model that a recipe describes; `folder` is what its source is relative to. */
export function createModelOf({ name, source, label, risk }: BaseRecipe, folder: string): Promise<Artefact> {
  const { base, cut, keepHead, scale, offset } = source;
  const targetRisk = risk?.target ?? defaultRisk;
  return createModel({
    model: name,
    base: resolve(folder, base),
    cut,
    keepHead,
    scale,
    offset,
    labels: label.values,
    targetRisk,
  });
}

/** The recipe of a created model; `folder` is where it will lie. */
export function recipeOfCreated(
  { model, base, cut, keepHead, labels, scale, offset, targetRisk }: CreateOptions,
  folder: string,
): BaseRecipe {
  const source = {
    base: relative(resolve(folder), resolve(base)) || ".",
    ...(cut === undefined ? {} : { cut }),
    ...(keepHead ? { keepHead } : {}),
    ...(scale === undefined ? {} : { scale }),
    ...(offset === undefined ? {} : { offset }),
  };
  return { name: model, task: "classify", source, label: { values: [...labels] }, risk: { target: targetRisk } };
}

/** Derives the input: an image if the base takes one, otherwise a tensor. */
function inputFor(inputs: readonly TensorSpec[], { scale, offset = 0 }: CreateOptions): Input {
  const [only] = inputs;
  if (!only || inputs.length > 1) {
    throw new Error(`A base must have one input, but this one has ${inputs.length}.`);
  }
  const { shape, dtype } = only;
  const [height = 0, width = 0, channels] = shape;
  if (shape.length === 3 && (channels === 1 || channels === 3 || channels === 4)) {
    return { kind: "image", size: [height, width], channels, scale: scale ?? 1 / pixelMax, offset };
  }
  return { kind: "tensor", shape, dtype: dtype === "int32" ? "int32" : "float32", scale: scale ?? 1, offset };
}

/** Runs a base on random inputs to find the width of its embedding and its largest value. */
async function measureEmbedding(parts: BackboneParts, input: Input): Promise<{ width: number; largest: number }> {
  const blobs: Blobs = new Map();
  const { kind, topology, shards } = await packModel(parts, blobs);
  const read = readFrom(blobs);
  const files = { topology: await read(topology), shards: await Promise.all(shards.map(read)) };
  const model = await (await tfjsEngine()).load(kind, files);
  try {
    const [{ name }] = model.inputs as [TensorInfo];
    const [shape] = inputShapes(input) as [number[]];
    const [embeddings] = model.run({ [name]: { shape: [sampleRows, ...shape], values: randomValues(input, shape) } }, [
      parts.tensor,
    ]) as [Tensor];
    const largest = Array.from(embeddings.values).reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    return { width: embeddings.values.length / sampleRows, largest };
  } finally {
    model.release();
  }
}

function randomValues(input: Input, shape: readonly number[]): Float32Array {
  const random = seededRandom(1);
  const { scale, offset } = input as ImageInput | TensorInput;
  const value = () => (input.kind === "image" ? pixelMax * random() : 2 * random() - 1) * scale + offset;
  return Float32Array.from({ length: sampleRows * sizeOf(shape) }, value);
}

const region = "world";

/** Edge, region and human review, with one region for all callers. */
const policy: Policy = {
  ladder: ["edge", "region", "human"],
  regions: { from: "cf", keys: [region], parent: region },
  keep: "audited",
  auditShare: 0.05,
  truth: "some",
  uncertified: "answer",
  groupBy: { by: "content" },
  originLabelWeight: 0,
  keepInputs: true,
  samplesMax: 20_000,
  retrainEverySeconds: 3600,
  retrainAfterSeconds: 1,
  retrainMinLabels: 4,
  originEverySeconds: null,
  learning: [...learningParts],
};
