import * as tf from "@tensorflow/tfjs-core";
import type { TensorType } from "#core/contract/index.ts";
import { type Engine, EngineError, type Tensor } from "../engine.ts";
import { startBackend } from "./backend.ts";
import "./embedding-bag.ts";
import { loadGraph } from "./graph-model.ts";
import { loadLayers } from "./layers-model.ts";
import type { TfjsModel } from "./model.ts";
import { readModelJson, weightsOf } from "./model-json.ts";
import { checkLength, expandedBytes } from "./stored-size.ts";

/** Starts TensorFlow.js on its WASM backend with SIMD. The module is the same in workerd, Node and the browser. */
export async function tfjsEngine(): Promise<Engine> {
  await startBackend();
  return { name: "tfjs-wasm", load, liveTensors: () => tf.memory().numTensors };
}

const load: Engine["load"] = async (kind, files) => {
  const file = readModelJson(files.topology);
  const values = tf.io.CompositeArrayBuffer.join(files.shards);
  checkLength(weightsOf(file), values);
  const model = await described("The model cannot be loaded", async () =>
    kind === "tfjs-graph-model" ? loadGraph(file, values) : await loadLayers(file, values),
  );
  const types = new Map(model.inputs.map(({ name, dtype }) => [name, dtype]));
  return {
    inputs: model.inputs,
    outputs: model.outputs,
    bytes: expandedBytes(weightsOf(file)),
    run: (inputs, tensors) =>
      described("The model cannot run on these inputs", () => run(model, types, inputs, tensors)),
    release: model.release,
  };
};

function run(
  model: TfjsModel,
  types: ReadonlyMap<string, TensorType>,
  inputs: Readonly<Record<string, Tensor>>,
  tensors: readonly string[],
): Tensor[] {
  return tf.tidy(() => {
    const given: Record<string, tf.Tensor> = {};
    for (const [name, { shape, values }] of Object.entries(inputs))
      given[name] = tf.tensor(values, shape, types.get(name));
    return model.run(given, tensors).map((tensor) => {
      return { shape: tensor.shape, values: tensor.dataSync() as Tensor["values"] };
    });
  });
}

// Turns an error of the libraries into an `EngineError` with their message as the reason.
function described<T>(summary: string, work: () => T): T {
  const fail = (cause: unknown): never => {
    if (cause instanceof EngineError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(`${summary}: ${reason}`, { cause });
  };
  try {
    const done = work();
    return done instanceof Promise ? (done.catch(fail) as T) : done;
  } catch (cause) {
    return fail(cause);
  }
}
