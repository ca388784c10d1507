import {
  type BlobRef,
  type ClassifyManifest,
  type Column,
  type Input,
  learningParts,
  type NetworkSpec,
  type NumberTask,
  type Policy,
  type Rule,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeHead } from "#core/head/head.ts";
import { binNames } from "#core/regress/fit-bins.ts";
import { sign } from "#core/sign.ts";
import { testKeys } from "./keys.ts";
import type { Activation } from "./plain-engine.ts";
import { seeded, uniform } from "./random.ts";

export interface ModelOptions {
  model?: string;
  version?: number;
  /** Number columns "x0", "x1", … besides the region's field. */
  inputs?: number;
  hidden?: number[];
  labels?: string[];
  seed?: number;
  /** Confidence from which a question is accepted. */
  threshold?: number;
  fullThreshold?: number;
  policy?: Partial<Policy>;
  columns?: Column[];
  /** Instead of columns: as many values as there are inputs. */
  input?: Input;
  /** A model of numbers: its bins, tolerance and coverage. */
  number?: NumberTask;
}

/** The numbers of test models: 16 bins from −8 to 8. */
export const testNumber: NumberTask = {
  bins: { edges: Array.from({ length: 17 }, (_, i) => i - 8), tails: [0.5, 0.5], sigma: 0.75 },
  tolerance: 1,
  coverage: 0.9,
  unit: "°C",
};

export interface TestModel {
  manifest: ClassifyManifest;
  blobs: Map<string, Uint8Array<ArrayBuffer>>;
}

const defaultPolicy: Policy = {
  ladder: ["edge", "region", "origin", "human"],
  regions: { from: "field", name: "region", keys: ["north", "south"], parent: "world" },
  keep: "none",
  auditShare: 0,
  truth: "some",
  uncertified: "answer",
  groupBy: { by: "question" },
  originLabelWeight: 0,
  keepInputs: true,
  samplesMax: 20_000,
  retrainEverySeconds: 24 * 3600,
  retrainAfterSeconds: null,
  retrainMinLabels: 30,
  originEverySeconds: null,
  learning: [...learningParts],
};

/** A signed model with random weights and its blobs; the same options give the same model. */
export async function testModel(options: ModelOptions = {}): Promise<TestModel> {
  const { model = "shop", version = 1, inputs = 4, hidden = [8, 5], seed = 1, number } = options;
  const labels = number ? binNames(number.bins) : (options.labels ?? ["a", "b", "c"]);
  const blobs: TestModel["blobs"] = new Map();
  const columns =
    options.columns ??
    Array.from({ length: inputs }, (_, i): Column => ({ type: "number", name: `x${i}`, mean: 0, deviation: 1 }));
  const build = async (at: number, threshold: number): Promise<NetworkSpec> => {
    const widths = [inputs, ...hidden];
    const network = await randomNetwork({ columns, widths, classes: labels.length, seed: at, threshold }, blobs);
    const reading = number ? { reading: { within: { offset: 0, slope: 1 }, reach: 0.45 } } : {};
    return { ...network, ...(options.input ? { input: options.input } : {}), ...reading };
  };
  const metrics = { n: 1, logLoss: 1, auc: null, accuracy: 0.5, coverage: {} };
  const manifest: ClassifyManifest = {
    format: "upriver/2",
    model,
    version,
    parent: version > 1 ? version - 1 : null,
    createdAt: "2026-01-01T00:00:00.000Z",
    task: number ? "regress" : "classify",
    labels,
    ...(number ? { number } : {}),
    thin: await build(seed, options.threshold ?? 0.5),
    full: await build(seed + 1000, options.fullThreshold ?? 0),
    anchor: null,
    prior: null,
    policy: { ...defaultPolicy, ...options.policy },
    metrics: { thin: metrics, full: metrics },
    trainedOn: { rows: 1, from: null, to: null, sources: {}, regions: {} },
    examples: [],
  };
  return { manifest: await sign(manifest, testKeys.publish.signing), blobs };
}

/** A rule without a certificate. */
export function testRule(threshold: number): Rule {
  return { threshold, strictest: 0.99, targetRisk: 0.1, delta: 0.05, certificate: null, uncertified: null };
}

interface NetworkOptions {
  columns: Column[];
  /** Widths from input to embedding. */
  widths: number[];
  classes: number;
  seed: number;
  threshold: number;
  /** Of every layer; "relu" by default. */
  activation?: Activation;
  useBias?: boolean;
}

/** A dense network with random weights, as a TensorFlow.js model.json written by hand. */
export async function randomNetwork(options: NetworkOptions, blobs: TestModel["blobs"]): Promise<NetworkSpec> {
  const { columns, widths, classes, seed, threshold, activation = "relu", useBias = true } = options;
  const random = seeded(seed);
  const layers = widths.slice(1).map((units, i) => ({
    name: `dense_${i}`,
    units,
    kernel: uniform(random, (widths[i] as number) * units),
    bias: uniform(random, useBias ? units : 0),
  }));
  const weights = layers.flatMap(({ name, units, bias }, i) => [
    { name: `${name}/kernel`, shape: [widths[i], units], dtype: "float32" },
    ...(useBias ? [{ name: `${name}/bias`, shape: [bias.length], dtype: "float32" }] : []),
  ]);
  const modelTopology = {
    class_name: "Sequential",
    config: {
      layers: layers.map(({ name, units }, i) => ({
        class_name: "Dense",
        config: {
          ...{ name, units, activation, use_bias: useBias },
          ...(i === 0 ? { batch_input_shape: [null, widths[0]] } : {}),
        },
      })),
    },
  };
  const values = layers.flatMap(({ kernel, bias }) => [...kernel, ...bias]);
  const shard = await add(blobs, new Uint8Array(new Float32Array(values).buffer));
  const text = JSON.stringify({ modelTopology, weightsManifest: [{ paths: [shard.sha256], weights }] });
  const topology = await add(blobs, new Uint8Array(new TextEncoder().encode(text)));
  const width = widths.at(-1) as number;
  const head = encodeHead({ weights: uniform(random, width * classes, -2, 2), bias: uniform(random, classes) });
  return {
    input: { kind: "features", columns },
    backbone: {
      kind: "tfjs-layers-model",
      sha256: await sha256Hex(topology.sha256 + shard.sha256),
      topology,
      shards: [shard],
      embedding: { tensor: layers.at(-1)?.name ?? "", width, step: 0.001 },
    },
    head: { blob: await add(blobs, head), width, classes, temperature: 1 },
    rule: testRule(threshold),
  };
}

async function add(blobs: TestModel["blobs"], bytes: Uint8Array<ArrayBuffer>): Promise<BlobRef> {
  const sha256 = await sha256Hex(bytes);
  blobs.set(sha256, bytes);
  return { sha256, bytes: bytes.byteLength };
}
