import { relative, resolve } from "node:path";
import { concatBytes } from "#core/bytes.ts";
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
import { widestEmbedding } from "#core/head/widest.ts";
import { sizeOf } from "#core/input/index.ts";
import type { Tensor } from "#core/model/engine.ts";
import type { Artefact } from "../train/index.ts";
import { type Blobs, packParts } from "../train/pack.ts";
import { type BackboneParts, backboneOf } from "./backbone.ts";
import { openModel } from "./check/engine-model.ts";
import { type Checked, checkIfCheap } from "./check/index.ts";
import type { Ranges } from "./check/input-ranges.ts";
import { openPlain } from "./check/open-plain.ts";
import { byTensor, randomInputs } from "./check/random-inputs.ts";
import { readModelFiles, type TfjsModelFiles } from "./files.ts";
import { type Inspection, inspect } from "./inspect.ts";
import { headAndBackbone } from "./network.ts";
import { refusalText } from "./refused/refusal.ts";

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
/** Values of the random inputs that show how large an embedding is, and the instances that they are, at most. */
const sampledValues = 500_000;
const sampleRowsMax = 32;
const pixelMax = 255;

/**
 * Creates a model from a pre-trained base: the base cut at a layer, with an untrained head or its own. It has no origin: its
 * regions train their heads on the labels that they receive. Throws when the base cannot be cut or cannot run at the edge.
 */
export async function createModel(options: CreateOptions): Promise<Artefact> {
  const { model, base, labels, keepHead, targetRisk } = options;
  if (keepHead && options.cut !== undefined) {
    throw new Error("'cut' and 'keepHead' exclude each other: a kept head is cut off before itself. Set one of them.");
  }
  const files = await readModelFiles(base, { pictures: true });
  const inspection = await inspect(files);
  const { inputs, unsupported, embedding, batch } = inspection;
  if (unsupported.length > 0) throw new Error(`The edge cannot run this base. ${refusalText(unsupported)}.`);
  if (!batch) throw new Error("This base takes one instance at a time. Export it with a batch dimension.");
  const blobs: Blobs = new Map();
  const input = inputFor(inputs, options);
  const own = keepHead ? await headAndBackbone(files, input, labels.length) : null;
  const cut = options.cut ?? embedding?.tensor;
  if (cut === undefined)
    throw new Error("The base does not end in a dense layer. Choose the layer to cut at with --cut <layer>.");
  const parts = own ?? (await backboneOf(files, cut));
  const cutOff = cutFiles(base, parts);
  const checked = { inputs, outputs: [{ name: cut, tensor: parts.tensor }], ranges: rangesOf(input, inspection) };
  const { width, largest } = await measureEmbedding(cutOff, checked);
  const widest = widestEmbedding(labels.length);
  if (width > widest) throw new Error(await tooWideText(files, inspection, { cut, width, widest }));
  const check = await checkIfCheap(cutOff, checked);
  if (check?.fault) throw new Error(`The edge cannot run this base: ${check.fault}.`);
  const head = own?.head ?? { weights: new Float32Array(width * labels.length), bias: new Float32Array(labels.length) };
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

/** A cut base as a model of its own. */
function cutFiles(path: string, { kind, modelTopology, weights }: BackboneParts): TfjsModelFiles {
  const weightsManifest = [{ paths: ["weights.bin"], weights: weights.map(({ spec }) => spec) }];
  const values = concatBytes(weights.map(({ bytes }) => bytes)).buffer;
  return { path, kind, modelJson: { modelTopology: { ...modelTopology }, weightsManifest }, values };
}

/** The values that a base receives: pixels or numbers from −1 to 1 as they are scaled, or what its tables take. */
function rangesOf(input: Input, { inputs, ranges }: Inspection): Ranges {
  const { scale, offset } = input as ImageInput | TensorInput;
  const isImage = input.kind === "image";
  const ends = [(isImage ? 0 : -scale) + offset, (isImage ? pixelMax * scale : scale) + offset];
  const own = { low: Math.min(...ends), high: Math.max(...ends), isWhole: false };
  return Object.fromEntries(inputs.map(({ tensor }) => [tensor, isImage ? own : (ranges[tensor] ?? own)]));
}

/** Runs a cut base on random inputs to find the width of its embedding and its largest value. */
async function measureEmbedding(files: TfjsModelFiles, checked: Checked): Promise<{ width: number; largest: number }> {
  const model = await openModel(files);
  try {
    const size = checked.inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const rows = Math.min(sampleRowsMax, Math.ceil(sampledValues / size));
    const given = byTensor(checked.inputs, randomInputs(checked.inputs, rows, { ranges: checked.ranges }));
    const tensors = checked.outputs.map(({ tensor }) => tensor);
    const [embeddings] = model.run(given, tensors) as [Tensor];
    const largest = Array.from(embeddings.values).reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    return { width: embeddings.values.length / rows, largest };
  } finally {
    model.release();
  }
}

const namedLayers = 6;

/** Says that an embedding is too wide to learn on, and names the last layers of the base that are not. */
async function tooWideText(
  files: TfjsModelFiles,
  { inputs, outputs, ranges }: Inspection,
  { cut, width, widest }: { cut: string; width: number; widest: number },
): Promise<string> {
  const plain = await openPlain(
    files,
    outputs.map(({ tensor }) => tensor),
  );
  const given = randomInputs(inputs, 1, { ranges });
  const found = plain.runSteps(
    inputs.map(({ name }) => given[name] as Tensor),
    plain.steps.length,
  );
  const fitting = plain.steps.flatMap(({ name }, i) => {
    const [first, ...others] = found[i] as Tensor[];
    const isOne = first && others.length === 0 && first.shape.length > 1 && first.values instanceof Float32Array;
    return isOne && first.values.length > 1 && first.values.length <= widest
      ? [`${name} (${first.values.length})`]
      : [];
  });
  plain.release();
  const narrower =
    fitting.length > 0
      ? `Cut at a narrower layer with --cut; the last are ${fitting.slice(-namedLayers).join(", ")}.`
      : "No layer of the base is narrower: add a pooling or dense layer, and save it again.";
  return (
    `The embedding at '${cut}' has ${width} values, and a region can learn on ${widest} at most: it holds sums of ` +
    `(width + 1)² products in memory. ${narrower}`
  );
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
