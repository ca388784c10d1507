import { beforeAll, describe, expect, it } from "vitest";
import type { Backbone, BlobRef, NetworkSpec } from "#core/contract/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { type Engine, EngineError, type ModelFiles } from "#core/model/engine.ts";
import { randomNetwork, type TestModel } from "#test/helpers/model.ts";
import type { Activation } from "#test/helpers/plain-engine.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const widths = [7, 12, 6];
const questions = 1_000;
const biasName = "dense_0/bias";

/** What every engine does, whatever it is made of. */
export function testEngine(name: string, start: () => Promise<Engine>): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let spec: NetworkSpec;
    let files: ModelFiles;

    beforeAll(async () => {
      engine = await start();
      ({ spec, files } = await network("relu", true));
    });

    it.each([
      ["relu", true],
      ["relu", false],
      ["linear", true],
      ["sigmoid", true],
      ["tanh", false],
    ] as const)("embeds a batch as plain float64 arithmetic does: %s, bias %s", async (activation, useBias) => {
      const built = await network(activation, useBias);
      const layers = oracleLayers(new Float32Array(built.files.shards[0] as ArrayBuffer), useBias);
      const backbone = await loadBackbone(engine, built.spec.backbone, built.files, [[7]]);
      const values = uniform(seeded(3), 9 * 7, -3, 3);
      const embeddings = backbone.embed(values, 9);
      expect(backbone.width).toBe(6);
      expect(backbone.bytes).toBeGreaterThanOrEqual(built.files.shards[0]?.byteLength ?? 0);
      expect(embeddings).toHaveLength(9 * 6);
      for (let row = 0; row < 9; row++) {
        const expected = oracle(layers, activation, Array.from(values.subarray(row * 7, (row + 1) * 7)));
        expected.forEach((value, i) => void expect(embeddings[row * 6 + i]).toBeCloseTo(value, 4));
      }
      backbone.release();
    });

    it("accepts an input of several dimensions as a flat list", async () => {
      const flat = await loadBackbone(engine, spec.backbone, files, [[7]]);
      const shaped = await loadBackbone(engine, spec.backbone, files, [[7, 1]]);
      const values = uniform(seeded(6), 14);
      expect(shaped.embed(values, 2)).toEqual(flat.embed(values, 2));
      flat.release();
      shaped.release();
    });

    it("accepts a topology nested as by Keras 2, with an input layer", async () => {
      const { modelTopology, ...rest } = JSON.parse(new TextDecoder().decode(files.topology));
      const input = { class_name: "InputLayer", config: { batch_input_shape: [null, 7] } };
      const [first, ...others] = modelTopology.config.layers;
      const { batch_input_shape: _, ...config } = first.config;
      const layers = [input, { ...first, config }, ...others];
      const nested = { model_config: { ...modelTopology, config: { name: "nested", layers } } };
      const keras = { ...files, topology: encoded({ modelTopology: nested, ...rest }) };
      const one = await loadBackbone(engine, spec.backbone, files, [[7]]);
      const two = await loadBackbone(engine, spec.backbone, keras, [[7]]);
      const values = uniform(seeded(7), 7);
      expect(two.embed(values, 1)).toEqual(one.embed(values, 1));
      one.release();
      two.release();
    });

    it("accepts weights cut into shards anywhere", async () => {
      const whole = files.shards[0] as ArrayBuffer;
      const cut = { ...files, shards: [whole.slice(0, 33), whole.slice(33)] };
      const one = await loadBackbone(engine, spec.backbone, files, [[7]]);
      const two = await loadBackbone(engine, spec.backbone, cut, [[7]]);
      const values = uniform(seeded(4), 7);
      expect(two.embed(values, 1)).toEqual(one.embed(values, 1));
      one.release();
      two.release();
    });

    it("keeps no tensor of a question", async () => {
      const before = engine.liveTensors();
      const backbone = await loadBackbone(engine, spec.backbone, files, [[7]]);
      const loaded = engine.liveTensors();
      const values = uniform(seeded(5), 7);
      for (let i = 0; i < questions; i++) backbone.embed(values, 1);
      expect(engine.liveTensors()).toBe(loaded);
      backbone.release();
      expect(engine.liveTensors()).toBe(before);
    });

    it("refuses a file that is not a network it can run", async () => {
      const short = { ...files, shards: [(files.shards[0] as ArrayBuffer).slice(0, 40)] };
      const text = new TextDecoder().decode(files.topology);
      const other = (from: string, to: string) => ({
        ...files,
        topology: new TextEncoder().encode(text.replaceAll(from, to)).buffer as ArrayBuffer,
      });
      const wrongWidth = { ...spec.backbone, embedding: { ...spec.backbone.embedding, width: 5 } };
      const noLayer = { ...spec.backbone, embedding: { ...spec.backbone.embedding, tensor: "gone" } };
      const graph = { ...spec.backbone, kind: "tfjs-graph-model" as const };
      const refused: [Backbone, ModelFiles, number][] = [
        [spec.backbone, short, 7],
        [spec.backbone, other('"Dense"', '"Hologram"'), 7],
        [spec.backbone, other("dense_1/bias", "dense_9/bias"), 7],
        [spec.backbone, other(`${biasName}","shape":[12]`, `${biasName}","shape":[1]`), 7],
        [spec.backbone, { ...files, topology: files.topology.slice(1) }, 7],
        [spec.backbone, files, 8],
        [wrongWidth, files, 7],
        [noLayer, files, 7],
        [graph, files, 7],
      ];
      for (const [backbone, given, width] of refused) {
        await expect(loadBackbone(engine, backbone, given, [[width]])).rejects.toThrow(EngineError);
      }
    });
  });
}

async function network(activation: Activation, useBias: boolean) {
  const blobs: TestModel["blobs"] = new Map();
  const shape = { columns: [], widths, classes: 3, seed: 5, threshold: 0 };
  const spec = await randomNetwork({ ...shape, activation, useBias }, blobs);
  const bytes = ({ sha256 }: BlobRef) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer;
  return { spec, files: { topology: bytes(spec.backbone.topology), shards: spec.backbone.shards.map(bytes) } };
}

function encoded(value: unknown): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify(value)).buffer as ArrayBuffer;
}

interface OracleLayer {
  units: number;
  kernel: Float32Array;
  bias: Float32Array;
}

function oracleLayers(values: Float32Array, useBias: boolean): OracleLayer[] {
  let offset = 0;
  const take = (n: number) => {
    offset += n;
    return values.subarray(offset - n, offset);
  };
  return widths.slice(1).map((units, i) => ({
    units,
    kernel: take((widths[i] as number) * units),
    bias: useBias ? take(units) : new Float32Array(units),
  }));
}

function oracle(layers: OracleLayer[], activation: Activation, input: number[]): number[] {
  return layers.reduce((x, { units, kernel, bias }) => {
    const out: number[] = [];
    for (let unit = 0; unit < units; unit++) {
      let sum = bias[unit] as number;
      for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (kernel[i * units + unit] as number);
      out.push(activated(activation, sum));
    }
    return out;
  }, input);
}

function activated(activation: Activation, sum: number): number {
  if (activation === "relu") return Math.max(0, sum);
  if (activation === "sigmoid") return 1 / (1 + Math.exp(-sum));
  if (activation === "tanh") return (Math.exp(sum) - Math.exp(-sum)) / (Math.exp(sum) + Math.exp(-sum));
  return sum;
}
