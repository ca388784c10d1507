import { canonicalJson } from "#core/canonical.ts";
import {
  type ClassifyManifest,
  headPointerSchema,
  isPlainAsk,
  manifestSchema,
  modelPointerSchema,
  type Rule,
} from "#core/contract/index.ts";
import { sha256HexSync } from "#core/hash.ts";
import { ignoredFields, inputShapes } from "#core/input/index.ts";
import type { LoadedModel } from "#core/model/engine.ts";
import { loadLoops } from "#core/model/loops/model.ts";
import type { Network } from "#core/model/network.ts";
import { readModelJson } from "#core/model/tfjs/model-json.ts";
import { ModelRung } from "#core/rung/model-rung.ts";
import { publicKeysSchema, signingKeySchema } from "#core/sign.ts";
import { parseTokens } from "#core/tokens.ts";

const name = "warm-up";
const sha256 = "0".repeat(64);
const blob = { sha256, bytes: 0 };
const rule: Rule = {
  ...{ threshold: 0, strictest: 0, targetRisk: 0.5, delta: 0.05 },
  ...{ certificate: null, uncertified: { status: "pending", reason: "", labels: 0, labelsNeeded: null } },
};
const metrics = { n: 1, logLoss: 1, auc: null, accuracy: 1, coverage: { "0.1": 1 } };
const units = 2;
const simdRows = 16;
const instance = { x: 1 };

const layer = (name: string, from: string, activation: string) => ({
  class_name: "Dense",
  config: { name, units, activation, use_bias: true },
  inbound_nodes: [[[from, 0, 0, {}]]],
});

const modelJson = {
  modelTopology: {
    class_name: "Model",
    config: {
      layers: [
        {
          class_name: "InputLayer",
          config: { name: "input", batch_input_shape: [null, 1], dtype: "float32" },
          inbound_nodes: [],
        },
        layer("first", "input", "relu"),
      ],
      input_layers: [["input", 0, 0]],
      output_layers: [["first", 0, 0]],
    },
  },
  weightsManifest: [
    {
      paths: ["weights"],
      weights: [
        { name: "first/kernel", shape: [1, units], dtype: "float32" },
        { name: "first/bias", shape: [units], dtype: "float32" },
      ],
    },
  ],
};

const manifest: ClassifyManifest = {
  ...{ format: "upriver/2", model: name, version: 1, parent: null, createdAt: "2026-01-01T00:00:00.000Z" },
  ...{ task: "classify", labels: ["no", "yes"], examples: [instance] },
  thin: {
    input: { kind: "features", columns: [{ type: "number", name: "x", mean: 0, deviation: 1 }] },
    backbone: {
      ...{ kind: "tfjs-layers-model", sha256, topology: blob, shards: [blob] },
      embedding: { tensor: "first", width: units, step: 1 },
    },
    head: { blob, width: units, classes: 2, temperature: 1 },
    rule,
  },
  ...{ full: null, anchor: null, prior: null },
  policy: {
    ladder: ["edge", "region"],
    regions: { from: "cf", keys: ["weur"], parent: "world" },
    ...{ keep: "none", auditShare: 0, truth: "some", uncertified: "answer", groupBy: { by: "question" } },
    ...{ originLabelWeight: 0, keepInputs: true, samplesMax: 1, retrainEverySeconds: 1, retrainAfterSeconds: null },
    ...{ retrainMinLabels: 1, originEverySeconds: null, learning: ["analytic"] },
  },
  metrics: { thin: metrics, full: null },
  trainedOn: { rows: 1, from: null, to: null, sources: { a: 1 }, regions: { world: 1 } },
  signature: { keyId: name, ed25519: "" },
};

/**
 * Runs what an isolate's first question needs, apart from what it reads, on a model of two units. The runtime compiles a
 * function when it is first called, and a schema prepares itself when it first parses: here both happen at start-up.
 */
export function warmUp(): void {
  publicKeysSchema.parse({ key: "" });
  signingKeySchema.parse({ keyId: "key", pkcs8: "pkcs8" });
  parseTokens("", JSON.stringify([{ id: name, sha256, scopes: ["ask"], limits: { questionsPerMinute: 1 } }]));
  sha256HexSync(name);
  const pointer = { model: name, revision: 1, stable: 1, previous: null, canary: null, heldBack: { world: 1 } };
  modelPointerSchema.parse(pointer);
  headPointerSchema.parse({ revision: 1, head: null, rule });
  manifestSchema.parse(JSON.parse(canonicalJson(manifest)));
  const { thin } = manifest;
  inputShapes(thin.input);
  isPlainAsk({ instance });
  ignoredFields(thin.input, instance, []);
  const rung = new ModelRung({ name: "edge", manifest, network: loadTiny() });
  void rung.ask([{ id: name, region: "world", instance, at: 0 }], {
    owner: name,
    remainingMs: 0,
    via: [],
    trace: false,
  });
}

function loadTiny(): Network {
  const bytes = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  const loops = loadLoops(readModelJson(bytes), [new Float32Array(2 * units).buffer]) as LoadedModel;
  const embed = (values: Float32Array, rows: number) =>
    loops.run({ input: { shape: [rows, 1], values } }, ["first"])[0]?.values as Float32Array;
  // Several rows are multiplied by WebAssembly.
  embed(new Float32Array(simdRows), simdRows);
  const weights = { weights: new Float32Array(2 * units), bias: new Float32Array(2) };
  return {
    spec: manifest.thin,
    backbone: { width: units, bytes: 0, embed, release: loops.release },
    head: { width: units, classes: 2, temperature: 1, ...weights },
    ...{ bytes: 0, release: loops.release },
  };
}
