import "@tensorflow/tfjs-backend-cpu";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { expectClose } from "#test/helpers/close.ts";
import { filesOf, layerModels, onCpu, plainly, valuesFor } from "#test/helpers/layer-models.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await tfjsEngine();
});

// biome-ignore lint/suspicious/noExplicitAny: a topology as JSON
type Json = any;

/** Writes a topology as Keras 3 does: models inside count their applications from 0, and Sequential also at the ends. */
function asKeras3({ config, ...rest }: Json): Json {
  if (!Array.isArray(config.layers))
    return { ...rest, config: { ...config, dtype: { class_name: "DTypePolicy", config: { name: "float32" } } } };
  const inner = new Map(config.layers.map((layer: Json) => [layer.config.name, layer]));
  const isModel = (name: string) => Boolean((inner.get(name) as Json)?.config.layers);
  const isSequential = (name: string) => (inner.get(name) as Json)?.class_name === "Sequential";
  const tensor = ([name, node, index]: [string, number, number]) => ({
    class_name: "__keras_tensor__",
    config: { shape: [null], dtype: "float32", keras_history: [name, isModel(name) ? node - 1 : node, index] },
  });
  const call = (ends: [string, number, number][]) => {
    const tensors = ends.map(tensor);
    return { args: tensors.length === 1 ? tensors : [tensors], kwargs: { mask: null } };
  };
  const end = ([name, node, index]: [string, number, number]) => [name, isSequential(name) ? node - 1 : node, index];
  const ends = (all: [string, number, number][]) =>
    all.length === 1 ? end(all[0] as [string, number, number]) : all.map(end);
  return {
    ...rest,
    class_name: config.input_layers ? "Functional" : rest.class_name,
    config: {
      ...config,
      layers: config.layers.map(({ inbound_nodes, ...layer }: Json) => ({
        ...asKeras3(layer),
        ...(inbound_nodes && { inbound_nodes: inbound_nodes.map(call) }),
      })),
      ...(config.input_layers && {
        input_layers: ends(config.input_layers),
        output_layers: ends(config.output_layers),
      }),
    },
  };
}

async function expectEqual(model: layers.LayersModel, change: (topology: Json) => Json): Promise<string[]> {
  const files = await onCpu(() =>
    filesOf(model, ({ modelTopology, ...json }) => ({ ...json, modelTopology: change(modelTopology) })),
  );
  const given = valuesFor(model, 3);
  const own = await engine.load("tfjs-layers-model", files);
  const names = own.outputs.map(({ name }) => name);
  const renamed = Object.fromEntries(Object.values(given).map((tensor, i) => [own.inputs[i]?.name ?? "", tensor]));
  const found = own.run(renamed, names).map(({ values }) => Array.from(values));
  expectClose(found, await plainly(model, given));
  own.release();
  return names;
}

describe("a topology of Keras 3 is read", () => {
  it.each([
    "a model applied twice in the middle",
    "models in models in models",
    "a layer applied twice, both outputs",
    "a layer with several outputs",
  ] as const)("with %s", async (name) => {
    await expectEqual(await onCpu(layerModels[name]), asKeras3);
  });

  it("with a functional model in the middle and outputs by name", async () => {
    const model = await onCpu(() => {
      const glorot = (seed: number) => ({ kernelInitializer: layers.initializers.glorotUniform({ seed }) });
      const inside = layers.input({ shape: [4] });
      const hidden = layers.layers.dense({ units: 5, ...glorot(1) }).apply(inside) as layers.SymbolicTensor;
      const inner = layers.model({ name: "inner", inputs: inside, outputs: hidden });
      const input = layers.input({ shape: [4] });
      const seen = inner.apply(input) as layers.SymbolicTensor;
      const a = layers.layers.dense({ units: 2, name: "a", ...glorot(2) }).apply(seen) as layers.SymbolicTensor;
      return layers.model({ inputs: input, outputs: [a, seen] });
    });
    const byName = (topology: Json) => {
      const { config, ...rest } = asKeras3(topology);
      const [first, second] = config.output_layers;
      return { ...rest, config: { ...config, output_layers: { logits: first, hidden: second } } };
    };
    expect(await expectEqual(model, byName)).toEqual(["a", "inner"]);
  });

  it("with the input's shape beside the layers of a Sequential", async () => {
    const model = await onCpu(() => {
      const kernelInitializer = layers.initializers.glorotUniform({ seed: 1 });
      return layers.sequential({ layers: [layers.layers.dense({ units: 3, inputShape: [4], kernelInitializer })] });
    });
    await expectEqual(model, ({ config, ...rest }: Json) => {
      const [{ config: first, ...layer }] = config.layers;
      const { batch_input_shape, ...others } = first;
      return {
        ...rest,
        config: { ...config, layers: [{ ...layer, config: others }], build_input_shape: batch_input_shape },
      };
    });
  });

  it("with names that tfjs-layers refuses", async () => {
    const names: Record<string, string> = {
      "block/in": "the input: 1",
      "block/a.b-c": "_hidden layer",
      "x/y/z": "出力",
    };
    const change = (topology: Json) =>
      JSON.parse(
        Object.entries(names).reduce(
          (text, [from, to]) => text.replaceAll(`"${from}"`, `"${to}"`),
          JSON.stringify(topology),
        ),
      );
    const model = await onCpu(layerModels["names with other characters"]);
    const files = await onCpu(() =>
      filesOf(model, ({ modelTopology, weightsManifest }) => ({
        modelTopology: change(asKeras3(modelTopology)),
        weightsManifest: weightsManifest.map(({ paths, weights }) => ({
          paths,
          weights: weights.map((weight) => {
            const [from, to] = Object.entries(names).find(([name]) => weight.name.startsWith(name)) as [string, string];
            return { ...weight, name: weight.name.replace(from, to) };
          }),
        })),
      })),
    );
    const own = await engine.load("tfjs-layers-model", files);
    expect(own.inputs.map(({ name }) => name)).toEqual(["the_input__1"]);
    expect(own.outputs.map(({ name }) => name)).toEqual(["u51fau529b"]);
    const [given] = Object.values(valuesFor(model, 3));
    const found = own.run({ the_input__1: given as NonNullable<typeof given> }, ["u51fau529b"]);
    expectClose(
      found.map(({ values }) => Array.from(values)),
      await plainly(model, valuesFor(model, 3)),
    );
    own.release();
  });
});
