import type { TensorNetwork, TensorSpec } from "../contract/index.ts";
import { sizeOf } from "../input/index.ts";
import { type Engine, EngineError, type LoadedModel, type Tensor } from "./engine.ts";
import type { ReadBlob } from "./network.ts";

/** Tensors by the names of a model's inputs or outputs; the first dimension of each is the batch. */
export type Tensors = Record<string, Tensor>;

/** A whole model in memory, with its input and output tensors. */
export interface TensorModel {
  spec: TensorNetwork;
  /** Bytes of its weights in memory, which count against the isolate's memory budget. */
  readonly bytes: number;
  /** Computes the outputs of a batch. Throws `EngineError` if the model cannot run on the inputs. */
  run(inputs: Tensors, rows: number): Tensors;
  release(): void;
}

/** Loads a whole model from its blobs. Throws `EngineError` if they do not match the manifest. */
export async function loadTensorModel(engine: Engine, spec: TensorNetwork, read: ReadBlob): Promise<TensorModel> {
  const [topology, ...shards] = await Promise.all([spec.topology, ...spec.shards].map(read));
  const model = await engine.load(spec.kind, { topology: topology as ArrayBuffer, shards });
  return {
    spec,
    bytes: model.bytes,
    run: (inputs, rows) =>
      spec.batch || rows === 1 ? runOnce(model, spec, inputs, rows) : runEach(model, spec, inputs, rows),
    release: model.release,
  };
}

/** Runs a model on zeros. Throws `EngineError` if an output does not have its declared shape. */
export function checkShapes({ spec, run }: TensorModel): void {
  const zeros = spec.inputs.map(({ name, shape }): [string, Tensor] => {
    const own = [1, ...shape.map((size) => Math.max(1, size))];
    return [name, { shape: own, values: new Float32Array(sizeOf(own)) }];
  });
  const found = run(Object.fromEntries(zeros), 1);
  for (const { name, shape } of spec.outputs) {
    const own = found[name]?.shape.slice(1) ?? [];
    if (own.length === shape.length && shape.every((size, i) => size < 0 || size === own[i])) continue;
    throw new EngineError(`Output '${name}' is declared with shape [${shape}]; the model returns [1,${own}].`);
  }
}

function runOnce(model: LoadedModel, { inputs, outputs, batch }: TensorNetwork, given: Tensors, rows: number): Tensors {
  const fed = Object.fromEntries(inputs.map(({ name, tensor }) => [tensor, given[name] as Tensor]));
  const found = model.run(
    fed,
    outputs.map(({ tensor }) => tensor),
  );
  return Object.fromEntries(outputs.map((output, i) => [output.name, rowsOf(found[i] as Tensor, output, batch, rows)]));
}

// A model that takes one instance at a time may return no batch dimension.
function rowsOf({ shape, values }: Tensor, output: TensorSpec, batch: boolean, rows: number): Tensor {
  if (batch && shape[0] !== rows) {
    throw new EngineError(
      `Output '${output.name}' has ${shape[0]} rows for ${rows} instances. Import the model again.`,
    );
  }
  const isBare = !batch && shape.length === output.shape.length;
  return { shape: isBare ? [1, ...shape] : shape, values };
}

function runEach(model: LoadedModel, spec: TensorNetwork, inputs: Tensors, rows: number): Tensors {
  const parts = Array.from({ length: rows }, (_, row) => runOnce(model, spec, rowOf(inputs, row), 1));
  return Object.fromEntries(
    spec.outputs.map(({ name }) => [
      name,
      stacked(
        parts.map((part) => part[name] as Tensor),
        name,
      ),
    ]),
  );
}

function rowOf(tensors: Tensors, row: number): Tensors {
  const own = Object.entries(tensors).map(([name, { shape, values }]): [string, Tensor] => {
    const size = sizeOf(shape.slice(1));
    return [name, { shape: [1, ...shape.slice(1)], values: values.subarray(row * size, (row + 1) * size) }];
  });
  return Object.fromEntries(own);
}

function stacked(parts: readonly Tensor[], name: string): Tensor {
  const [first] = parts as [Tensor];
  if (parts.some(({ shape }) => shape.join() !== first.shape.join())) {
    throw new EngineError(`Output '${name}' has different shapes in one batch. Send one instance per request.`);
  }
  const all = new (first.values.constructor as Float32ArrayConstructor)(parts.length * first.values.length);
  for (const [i, { values }] of parts.entries()) all.set(values, i * first.values.length);
  return { shape: [parts.length, ...first.shape.slice(1)], values: all };
}
