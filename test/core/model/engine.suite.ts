import { beforeAll, describe, expect, it } from "vitest";
import type { NetworkSpec } from "../../../workers/core/contract/index.ts";
import { type BackboneFiles, type Engine, EngineError } from "../../../workers/core/model/engine.ts";
import { randomNetwork, type TestModel } from "../../helpers/model.ts";
import { seeded, uniform } from "../../helpers/random.ts";

const widths = [7, 12, 6];
const questions = 1_000;

/** What every engine does, whatever it is made of. */
export function testEngine(name: string, start: () => Promise<Engine>): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    let spec: NetworkSpec;
    let files: BackboneFiles;
    let layers: OracleLayer[];

    beforeAll(async () => {
      engine = await start();
      const blobs: TestModel["blobs"] = new Map();
      spec = await randomNetwork({ columns: [], widths, classes: 3, seed: 5, threshold: 0 }, blobs);
      const bytes = (sha256: string) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer;
      files = {
        topology: bytes(spec.backbone.topology.sha256),
        shards: spec.backbone.shards.map((s) => bytes(s.sha256)),
      };
      layers = oracleLayers(new Float32Array(files.shards[0] as ArrayBuffer));
    });

    it("embeds a batch as plain float64 arithmetic does", () => {
      const backbone = engine.load(spec.backbone, files, [7]);
      const values = uniform(seeded(3), 9 * 7, -3, 3);
      const embeddings = backbone.embed(values, 9);
      expect(backbone.width).toBe(6);
      expect(embeddings).toHaveLength(9 * 6);
      for (let row = 0; row < 9; row++) {
        const expected = oracle(layers, Array.from(values.subarray(row * 7, (row + 1) * 7)));
        expected.forEach((value, i) => void expect(embeddings[row * 6 + i]).toBeCloseTo(value, 4));
      }
      backbone.release();
    });

    it("takes weights that are cut into shards anywhere", () => {
      const whole = files.shards[0] as ArrayBuffer;
      const cut = { ...files, shards: [whole.slice(0, 33), whole.slice(33)] };
      const one = engine.load(spec.backbone, files, [7]);
      const two = engine.load(spec.backbone, cut, [7]);
      const values = uniform(seeded(4), 7);
      expect(two.embed(values, 1)).toEqual(one.embed(values, 1));
      one.release();
      two.release();
    });

    it("keeps no tensor of a question", () => {
      const before = engine.liveTensors();
      const backbone = engine.load(spec.backbone, files, [7]);
      const loaded = engine.liveTensors();
      const values = uniform(seeded(5), 7);
      for (let i = 0; i < questions; i++) backbone.embed(values, 1);
      expect(engine.liveTensors()).toBe(loaded);
      backbone.release();
      expect(engine.liveTensors()).toBe(before);
    });

    it("refuses what is no network that it can run, and keeps nothing of it", () => {
      const before = engine.liveTensors();
      const short = { ...files, shards: [(files.shards[0] as ArrayBuffer).slice(0, 40)] };
      const text = new TextDecoder().decode(files.topology);
      const other = (from: string, to: string) => ({
        ...files,
        topology: new TextEncoder().encode(text.replaceAll(from, to)).buffer as ArrayBuffer,
      });
      const wrongWidth = { ...spec.backbone, embedding: { ...spec.backbone.embedding, width: 5 } };
      expect(() => engine.load(spec.backbone, short, [7])).toThrow(EngineError);
      expect(() => engine.load(spec.backbone, other('"Dense"', '"LSTM"'), [7])).toThrow(EngineError);
      expect(() => engine.load(spec.backbone, other("dense_1/bias", "dense_9/bias"), [7])).toThrow(EngineError);
      expect(() => engine.load(spec.backbone, files, [8])).toThrow(EngineError);
      expect(() => engine.load(wrongWidth, files, [7])).toThrow(EngineError);
      expect(() => engine.load({ ...spec.backbone, kind: "tfjs-graph-model" }, files, [7])).toThrow(EngineError);
      expect(engine.liveTensors()).toBe(before);
    });
  });
}

interface OracleLayer {
  kernel: Float32Array;
  bias: Float32Array;
}

function oracleLayers(values: Float32Array): OracleLayer[] {
  let offset = 0;
  const take = (n: number) => {
    offset += n;
    return values.subarray(offset - n, offset);
  };
  return widths.slice(1).map((units, i) => ({ kernel: take((widths[i] as number) * units), bias: take(units) }));
}

function oracle(layers: OracleLayer[], input: number[]): number[] {
  return layers.reduce(
    (x, { kernel, bias }) =>
      Array.from(bias, (b, unit) =>
        Math.max(
          0,
          x.reduce((sum, value, i) => sum + value * (kernel[i * bias.length + unit] as number), b),
        ),
      ),
    input,
  );
}
