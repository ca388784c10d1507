import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instance, TensorRecipe } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import { decodeRow } from "#core/input/tensors.ts";
import type { Tensor } from "#core/model/engine.ts";
import { readLayers } from "#core/model/tfjs/layers-model.ts";
import { weightsOf } from "#core/model/tfjs/model-json.ts";
import { randomInputs } from "#origin/import/check/random-inputs.ts";
import { readModelFiles, type TfjsModelFiles } from "#origin/import/files.ts";
import { type Inspection, inspect } from "#origin/import/inspect.ts";
import { importModelOf, writeRecipe } from "#origin/import/recipe.ts";
import { findDocument } from "#origin/recipes/index.ts";
import { graphNetwork, layersNetwork } from "../helpers/image-networks.ts";
import { saveNetwork } from "../helpers/saved-model.ts";
import { rolloutOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const shared = process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../shared");
const models = join(shared, "models");
const cases = join(shared, "cases/models");
/** Values of an instance above which one row is asked: the CPU backend takes seconds for it. */
const largeValues = 10_000;

let ladder: SharedLadder;
let folder: string;

beforeAll(async () => {
  ladder = await sharedLadder();
  folder = await mkdtemp(join(tmpdir(), "upriver-any-"));
});
afterAll(async () => {
  ladder?.check();
  await rm(folder, { recursive: true, force: true });
});

describe("a model made elsewhere", () => {
  it.each(["layers", "graph"] as const)("is imported, published and served at the edge: %s", async (format) => {
    const network = format === "layers" ? layersNetwork("uint8") : graphNetwork("float16");
    await expectServed(await saveNetwork(network, join(folder, format)), `own-${format}`);
  });

  it("gives the outputs of plain TensorFlow.js, for each of the shared models", async (context) => {
    if (!existsSync(models)) context.skip(`no models at ${models}; UPRIVER_SHARED names the folder above`);
    for (const name of await readdir(models)) {
      await expectServed(join(models, name), name.toLowerCase().replace(/[^a-z0-9]+/g, "-"));
    }
  });

  it("gives the outputs of plain TensorFlow.js or is refused, for each of the shared cases", async (context) => {
    if (!existsSync(cases)) context.skip(`no cases at ${cases}; UPRIVER_SHARED names the folder above`);
    const isServed = async (name: string) => {
      const files = await readModelFiles(join(cases, name));
      const { unsupported } = await inspect(files).catch(() => ({ unsupported: ["refused"] }));
      return unsupported.length === 0;
    };
    const refused: string[] = [];
    for (const name of await readdir(cases)) {
      if (await isServed(name)) await expectServed(join(cases, name), `case-${name}`);
      else refused.push(name);
    }
    expect(refused.sort()).toEqual(["scalar-input", "string-input"]);
  });
});

async function expectServed(path: string, model: string): Promise<void> {
  const files = await readModelFiles(path);
  const inspection = await inspect(files);
  expect(inspection.unsupported).toEqual([]);
  const recipe = await writeRecipe(files, inspection, model, folder);
  const { document } = await findDocument(recipe, folder);
  const artefact = await importModelOf(document as TensorRecipe, folder);
  await rolloutOn(ladder, artefact);
  const values = inspection.inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const rows = values > largeValues ? 1 : 2;
  const inputs = randomInputs(inspection.inputs, rows, { seed: 7 });
  const expected = await plainOutputs(files, inspection, inputs, rows);
  for (const [row, instance] of instancesOf(inputs, rows).entries()) {
    const [answer] = await ladder.client("ask").infer(model, [instance]);
    for (const { name } of inspection.outputs) {
      expectClose(answer?.outputs[name], expected[row]?.[name], `${model} ${name}`);
    }
  }
}

function instancesOf(inputs: Record<string, Tensor>, rows: number): Instance[] {
  return Array.from({ length: rows }, (_, row) => {
    const parts = Object.entries(inputs).map(([name, tensor]) => [name, decodeRow(tensor, row)]);
    return Object.fromEntries(parts) as Instance;
  });
}

/** Runs each row alone on the CPU backend of TensorFlow.js, which shares no kernel with the edge. */
async function plainOutputs(
  { kind, modelJson, values }: TfjsModelFiles,
  { inputs, outputs }: Inspection,
  given: Record<string, Tensor>,
  rows: number,
) {
  await tf.setBackend("cpu");
  const weightSpecs = weightsOf(modelJson) as tf.io.WeightsManifestEntry[];
  const { modelTopology, signature } = modelJson;
  const handler = tf.io.fromMemory({ modelTopology, weightSpecs, weightData: values, ...(signature && { signature }) });
  // Keras 3 writes topologies and names that TensorFlow.js alone does not read.
  const layers = () => loadLayersModel(handler).catch(() => readLayers(modelJson, values));
  const model = kind === "tfjs-graph-model" ? await loadGraphModel(handler) : await layers();
  const tensorsOf = (row: number) =>
    inputs.map(({ name, shape, dtype }) => {
      const all = (given[name] as Tensor).values;
      const size = all.length / rows;
      return tf.tensor(all.slice(row * size, (row + 1) * size), [1, ...shape], dtype);
    });
  const found = Array.from({ length: rows }, (_, row) => {
    const tensors = tensorsOf(row);
    if ("resetStates" in model) model.resetStates();
    const all =
      "execute" in model && kind === "tfjs-graph-model"
        ? model.execute(
            Object.fromEntries(inputs.map(({ tensor }, i) => [tensor, tensors[i] as tf.Tensor])),
            outputs.map(({ tensor }) => tensor),
          )
        : model.predict(tensors);
    const list = (Array.isArray(all) ? all : [all]) as tf.Tensor[];
    return Object.fromEntries(outputs.map(({ name }, i) => [name, Array.from((list[i] as tf.Tensor).dataSync())]));
  });
  model.dispose();
  await tf.setBackend("wasm");
  return found;
}

function expectClose(found: unknown, expected: number[] | undefined, what: string): void {
  const values = (Array.isArray(found) ? found.flat(8) : [found]) as number[];
  expect(values.length, what).toBe(expected?.length);
  for (const [i, value] of values.entries()) {
    const other = expected?.[i] as number;
    expect(Math.abs(value - other), `${what}[${i}]: ${value}, plain ${other}`).toBeLessThanOrEqual(
      1e-4 * Math.max(1, Math.abs(other)),
    );
  }
}
