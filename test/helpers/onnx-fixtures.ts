import type { Backbone } from "#core/contract/index.ts";
import type { Engine, Tensor } from "#core/model/engine.ts";

/** The ONNX models in test/fixtures/onnx, with the opset of each; export.py writes them with PyTorch's own outputs. */
export const onnxFixtures = {
  dense: 11,
  "batch-norm": 12,
  residual: 13,
  depthwise: 14,
  "several-inputs": 15,
  gru: 16,
  transformer: 17,
  "several-outputs": 18,
  int8: 19,
  "dynamic-batch": 20,
  float16: 21,
  "operators-12": 12,
  "operators-17": 17,
} as const;
export type OnnxFixture = keyof typeof onnxFixtures;

type Values = Record<string, { shape: number[]; integer: boolean; values: number[] }>;

/** What PyTorch computes. */
export interface OnnxReference {
  inputs: Values;
  outputs: Values;
}

interface Side {
  [name: string]: { name: string };
}

/** A converted model as the engine loads it. */
export interface ConvertedModel {
  kind: Backbone["kind"];
  modelJson: object;
  values: ArrayBuffer;
}

/** Runs a converted model on an engine; returns its largest difference to PyTorch, |a − b| by the larger of 1 and |b|. */
export async function differenceTo(
  { inputs, outputs }: OnnxReference,
  engine: Engine,
  { kind, modelJson, values }: ConvertedModel,
): Promise<number> {
  const topology = new TextEncoder().encode(JSON.stringify(modelJson)).buffer as ArrayBuffer;
  const model = await engine.load(kind, { topology, shards: [values] });
  const { signature } = modelJson as { signature: { inputs: Side; outputs: Side } };
  const nodeOf = (side: Side, name: string) => (side[name]?.name ?? "").replace(/:0$/, "");
  try {
    const given = Object.entries(inputs).map(([name, { shape, integer, values: own }]): [string, Tensor] => {
      return [
        nodeOf(signature.inputs, name),
        { shape, values: integer ? Int32Array.from(own) : Float32Array.from(own) },
      ];
    });
    const names = Object.keys(outputs).map((name) => nodeOf(signature.outputs, name));
    const found = model.run(Object.fromEntries(given), names);
    const differences = Object.values(outputs).flatMap(({ shape, values: expected }, i) => {
      const { shape: own, values: actual } = found[i] as Tensor;
      if (own.join() !== shape.join()) return [Number.POSITIVE_INFINITY];
      return expected.map((b, at) => Math.abs((actual[at] ?? Number.NaN) - b) / Math.max(1, Math.abs(b)));
    });
    return differences.reduce((most, difference) => Math.max(most, difference), 0);
  } finally {
    model.release();
  }
}
