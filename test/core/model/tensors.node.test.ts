import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine, LoadedModel, Tensor } from "#core/model/engine.ts";
import { formatTensor, parseTensor } from "#core/model/tensor-name.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { expectClose } from "#test/helpers/close.ts";
import { filesOf, layerModels, onCpu, plainly, valuesFor } from "#test/helpers/layer-models.ts";

type Name = keyof typeof layerModels;

let engine: Engine;
beforeAll(async () => {
  engine = await tfjsEngine();
});

async function loaded(name: Name) {
  const model = await onCpu(layerModels[name]);
  const rows = model.inputs[0]?.shape[0] ?? 3;
  return { model, given: valuesFor(model, rows), files: await onCpu(() => filesOf(model)) };
}

function runAll(model: LoadedModel, given: Record<string, Tensor>) {
  const names = model.outputs.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  return model.run(given, names).map(({ values }) => Array.from(values));
}

describe("a layers model gives the outputs of plain TensorFlow.js", () => {
  it.each(Object.keys(layerModels) as Name[])("%s", async (name) => {
    const { model, given, files } = await loaded(name);
    const expected = await plainly(model, given);
    const before = engine.liveTensors();
    const own = await engine.load("tfjs-layers-model", files);
    expectClose(runAll(own, given), expected);
    // A second run does not see the first.
    expectClose(runAll(own, given), expected);
    own.release();
    expect(engine.liveTensors()).toBe(before);
  });
});

describe("a tensor", () => {
  it("of a layer is named by its application and its output", async () => {
    const outputs = async (name: Name) => {
      const { files } = await loaded(name);
      const { outputs, release } = await engine.load("tfjs-layers-model", files);
      release();
      return outputs.map((output) => output.name);
    };
    expect(await outputs("a model as the last layer")).toEqual(["top"]);
    expect(await outputs("a layer applied twice, the second output")).toEqual(["loop@1"]);
    expect(await outputs("a layer applied twice, both outputs")).toEqual(["shared", "shared@1"]);
    expect(await outputs("a layer with several outputs")).toEqual(["states", "states:1", "states:2"]);
  });

  it("inside a model has the name of its layer, or its path", async () => {
    const { model, given, files } = await loaded("a model as the last layer");
    const own = await engine.load("tfjs-layers-model", files);
    const [hidden, byPath, trunk] = own.run(given, ["top_hidden", "top/top_hidden", "trunk"]) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    expect(byPath).toEqual(hidden);
    const [top] = model.layers.slice(-1) as [layers.LayersModel];
    const inner = await plainly(model, given, [
      (model.layers[0] as layers.LayersModel).outputs[0] as layers.SymbolicTensor,
    ]);
    expectClose([Array.from(trunk.values)], inner);
    const inside = layers.model({
      inputs: top.inputs,
      outputs: top.layers[0]?.getOutputAt(0) as layers.SymbolicTensor,
    });
    expectClose([Array.from(hidden.values)], await plainly(inside, { top_hidden_input: trunk }));
    own.release();
  });

  it("that a model does not have is refused with the layers that it has", async () => {
    const { given, files } = await loaded("a layer applied twice, both outputs");
    const own = await engine.load("tfjs-layers-model", files);
    for (const text of ["shared@2", "shared:1", "gone"]) {
      expect(() => own.run(given, [text])).toThrow(/no tensor '.*its last layers are .*shared/);
    }
    own.release();
  });

  it("is written as it is read, whatever characters names have", () => {
    const names = ["a", "a:1", "b/c"];
    const isName = (name: string) => names.includes(name);
    for (const name of names) {
      for (const [node, index] of [
        [0, 0],
        [0, 1],
        [1, 0],
        [2, 3],
      ] as const) {
        const place = { name, node, index };
        expect(parseTensor(formatTensor(place, isName), isName)).toEqual(place);
      }
    }
    expect(formatTensor({ name: "b/c", node: 0, index: 1 }, isName)).toBe("b/c:1");
    expect(formatTensor({ name: "a", node: 0, index: 1 }, isName)).toBe("a@0:1");
  });
});

describe("a stateful layer", () => {
  it("keeps nothing of one caller's run for the next one's", async () => {
    const { given, files } = await loaded("a stateful layer");
    const own = await engine.load("tfjs-layers-model", files);
    const [[name, one]] = Object.entries(given) as [[string, Tensor]];
    const alone = runAll(own, given);
    runAll(own, { [name]: { ...one, values: one.values.map((value) => 3 - value) } });
    expect(runAll(own, given)).toEqual(alone);
    own.release();
  });

  it("takes batches of any size, each instance for itself", async () => {
    const { given, files } = await loaded("a stateful layer");
    const own = await engine.load("tfjs-layers-model", files);
    const [[name, one]] = Object.entries(given) as [[string, Tensor]];
    const alone = runAll(own, given)[0] as number[];
    const values = Float32Array.from([...one.values, ...one.values]);
    expectClose(runAll(own, { [name]: { shape: [2, ...one.shape.slice(1)], values } }), [[...alone, ...alone]]);
    own.release();
  });

  it("that would see its own state within an answer is refused", async () => {
    const files = await onCpu(() => {
      const input = layers.input({ batchShape: [1, 3, 2] });
      const recurrentInitializer = layers.initializers.glorotUniform({ seed: 1 });
      const twice = layers.layers.lstm({
        units: 2,
        stateful: true,
        returnSequences: true,
        recurrentInitializer,
        name: "twice",
      });
      const outputs = twice.apply(twice.apply(input) as layers.SymbolicTensor) as layers.SymbolicTensor;
      return filesOf(layers.model({ inputs: input, outputs }));
    });
    await expect(engine.load("tfjs-layers-model", files)).rejects.toThrow("Layer 'twice' is stateful");
  });
});

describe("a graph's node with two outputs", () => {
  const node = (name: string, op: string, input: string[], attr: object) => ({ name, op, input, attr });
  const graph = (signature: object) => ({
    format: "graph-model",
    signature,
    modelTopology: {
      node: [
        node("x", "Placeholder", [], {
          dtype: { type: "DT_FLOAT" },
          shape: { shape: { dim: [{ size: "-1" }, { size: "5" }] } },
        }),
        node("TopK", "TopKV2", ["x", "k"], { T: { type: "DT_FLOAT" }, sorted: { b: true } }),
        node("k", "Const", [], { dtype: { type: "DT_INT32" } }),
      ],
    },
    weightsManifest: [{ paths: ["w.bin"], weights: [{ name: "k", shape: [], dtype: "int32" }] }],
  });

  it("has both, named by the signature's tensors", async () => {
    const outputs = { values: { name: "TopK:0" }, indices: { name: "TopK:1" } };
    const topology = new TextEncoder().encode(JSON.stringify(graph({ outputs }))).buffer as ArrayBuffer;
    const shards = [Int32Array.of(2).buffer as ArrayBuffer];
    const own = await engine.load("tfjs-graph-model", { topology, shards });
    expect(own.outputs.map(({ name }) => name)).toEqual(["TopK", "TopK:1"]);
    const x = { shape: [1, 5], values: Float32Array.of(3, 9, 1, 7, 5) };
    const [values, indices] = own.run({ x }, ["TopK", "TopK:1"]) as [Tensor, Tensor];
    expect([...values.values, ...indices.values]).toEqual([9, 7, 1, 3]);
    own.release();
    expect(tf.getBackend()).toBe("wasm");
  });
});
