import "@tensorflow/tfjs-backend-cpu";
import * as layers from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { expectClose } from "#test/helpers/close.ts";
import { filesOf, layerModels, type Manifest, onCpu, plainly, valuesFor } from "#test/helpers/layer-models.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await tfjsEngine();
});

const { dense, lstm, batchNormalization } = layers.layers;
const glorot = (seed: number) => layers.initializers.glorotUniform({ seed });

/** Dense layers, a recurrent one and a normalisation; `names` are the dense layers'. */
function mixed(names: [string, string]): layers.LayersModel {
  const recurrent = { kernelInitializer: glorot(1), recurrentInitializer: glorot(2), name: "memory" };
  return layers.sequential({
    name: "whole",
    layers: [
      lstm({ ...recurrent, units: 4, inputShape: [3, 2] }),
      batchNormalization({
        gammaInitializer: layers.initializers.randomUniform({ minval: 0.5, seed: 3 }),
        name: "norm",
      }),
      dense({ units: 4, kernelInitializer: glorot(4), name: names[0] }),
      dense({ units: 4, kernelInitializer: glorot(5), biasInitializer: glorot1(6), name: names[1] }),
    ],
  });
}

const glorot1 = (seed: number) => layers.initializers.randomUniform({ minval: -1, maxval: 1, seed });

type Rename = (name: string, i: number) => string;

/** The files of a model whose weights have other names. */
function renamed(model: layers.LayersModel, rename: Rename) {
  return onCpu(() =>
    filesOf(model, ({ modelTopology, weightsManifest }) => ({
      modelTopology,
      weightsManifest: weightsManifest.map(({ paths, weights }) => ({
        paths,
        weights: weights.map((weight, i) => ({ ...weight, name: rename(weight.name, i) })),
      })),
    })),
  );
}

async function expectLoaded(model: layers.LayersModel, files: Awaited<ReturnType<typeof filesOf>>): Promise<void> {
  const given = valuesFor(model, 3);
  const own = await engine.load("tfjs-layers-model", files);
  const names = own.outputs.map(({ name }) => name);
  const found = own.run(given, names).map(({ values }) => Array.from(values));
  expectClose(found, await plainly(model, given));
  own.release();
}

const numbers = { kernel: 0, recurrent_kernel: 1, gamma: 0, beta: 1, moving_mean: 2, moving_variance: 3 };
const numbered = (name: string) => {
  const [layer, part] = name.split("/") as [string, keyof typeof numbers];
  return `${layer}/${numbers[part] ?? (layer === "memory" ? 2 : 1)}`;
};

describe("weights are found as others name them", () => {
  it.each<[string, [string, string], Rename]>([
    ["as TensorFlow.js does", ["one", "two"], (name) => name],
    ["behind the model's name, as Keras 3 does", ["one", "two"], (name) => `whole_3/${name}`],
    ["with the cell of a recurrent layer", ["one", "two"], (name) => name.replace("memory/", "memory/lstm_cell_7/")],
    [
      "behind the model's name, with the cell",
      ["one", "two"],
      (name) => `m/${name.replace("memory/", "memory/lstm_cell/")}`,
    ],
    ["with the number of the output", ["one", "two"], (name) => `${name}:0`],
    ["with a number behind", ["one", "two"], (name, i) => `${name}_${i + 1}`],
    ["with the scope numbered again", ["one_10", "two"], (name) => name.replace("one_10/", "one_10_1/")],
    ["with encoded slashes", ["one", "two"], (name) => `whole/${name}`.replaceAll("/", "%2F")],
    ["by number, as a checkpoint of Keras 3 does", ["one", "two"], numbered],
    [
      "by number, in the folders of a checkpoint",
      ["one", "two"],
      (name) => `_layer_checkpoint_dependencies/${numbered(name).replace("/", "/vars/")}`,
    ],
    [
      "with other words for a kernel",
      ["one", "two"],
      (name) => name.replace("two/kernel", "two/W").replace("two/bias", "two/b"),
    ],
  ])("%s", async (_, names, rename) => {
    const model = await onCpu(() => mixed(names));
    await expectLoaded(model, await renamed(model, rename));
  });

  it("in another order, with those of the optimizer and of training between", async () => {
    const model = await onCpu(() => mixed(["one", "two"]));
    const files = await onCpu(() => filesOf(model));
    const json = JSON.parse(new TextDecoder().decode(files.topology));
    const bytes = new Uint8Array(files.shards[0] as ArrayBuffer);
    let offset = 0;
    const stored = (json.weightsManifest as Manifest)[0]?.weights.map((spec) => {
      const size = 4 * spec.shape.reduce((a, b) => a * b, 1);
      offset += size;
      return { spec: spec as object, bytes: bytes.slice(offset - size, offset) };
    });
    const extra = (name: string, shape: number[], group?: string) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return {
        spec: { name, shape, dtype: "float32", ...(group && { group }) },
        bytes: new Uint8Array(4 * size).fill(9),
      };
    };
    const all = [
      extra("iter", [], "optimizer"),
      extra("one/kernel/m", [4, 4], "optimizer"),
      ...(stored ?? []).reverse(),
      extra("Adam/m/one/kernel", [4, 4]),
      extra("training/Adam/two/kernel/v", [4, 4]),
      extra("whole/dropout/seed_generator/seed_generator_state", [2]),
    ];
    json.weightsManifest = [{ paths: ["w"], weights: all.map(({ spec }) => spec) }];
    const shard = Uint8Array.from(all.flatMap((one) => [...one.bytes])).buffer as ArrayBuffer;
    await expectLoaded(model, {
      topology: new TextEncoder().encode(JSON.stringify(json)).buffer as ArrayBuffer,
      shards: [shard],
    });
  });

  it("of models inside a model by the names in front", async () => {
    const model = await onCpu(twoTowers);
    await expectLoaded(model, await renamed(model, (name, i) => `${i < 2 ? "left" : "right"}/${name}`));
  });
});

// Both towers have a layer of the same name.
function twoTowers(): layers.LayersModel {
  const input = layers.input({ shape: [4] });
  const towers = ["left", "right"].map((name, i) => {
    const hidden = dense({ units: 4, kernelInitializer: glorot(10 + i), inputShape: [4], name: "hidden" });
    return layers.sequential({ name, layers: [hidden] }).apply(input) as layers.SymbolicTensor;
  });
  return layers.model({ inputs: input, outputs: towers });
}

describe("weights that fit no variable, or several", () => {
  const refused = async (model: layers.LayersModel, rename: Rename) =>
    engine.load("tfjs-layers-model", await renamed(model, rename)).then(
      () => "loaded",
      (error: Error) => error.message,
    );

  it("are listed with the variables that have none", async () => {
    const model = await onCpu(() => mixed(["one", "two"]));
    const message = await refused(model, (name) => name.replace("two/kernel", "three/kernel"));
    expect(message).toContain("Without a weight: 'two/kernel' [4,4]. Without a layer: 'three/kernel' [4,4].");
  });

  it("are not guessed: layers of one name without names in front", async () => {
    expect(await refused(await onCpu(twoTowers), (name) => name)).toContain("two weights 'hidden/kernel'");
    expect(await refused(await onCpu(twoTowers), (name, i) => `t${i >> 1}/${name}`)).toContain("fit in several ways");
  });

  it("are not guessed: numbers of layers that may be shifted", async () => {
    const model = await onCpu(() => mixed(["dense", "dense_1"]));
    const message = await refused(model, (name) => name.replace("dense_1/", "dense_2/").replace("dense/", "dense_1/"));
    expect(message).toContain("Without a layer: 'dense_2/kernel'");
  });

  it("have another shape: both are named", async () => {
    const model = await onCpu(layerModels["a layer applied twice, the second output"]);
    const files = await onCpu(() =>
      filesOf(model, ({ modelTopology, weightsManifest }) => ({
        modelTopology,
        weightsManifest: weightsManifest.map(({ paths, weights }) => ({
          paths,
          weights: weights.map((one) => ({ ...one, shape: one.name.endsWith("kernel") ? [2, 8] : one.shape })),
        })),
      })),
    );
    const load = engine.load("tfjs-layers-model", files);
    await expect(load).rejects.toThrow("Weight 'loop/kernel' has shape [2,8], but its layer needs [4,4]");
  });
});
