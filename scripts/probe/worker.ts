// Worker that runs models for the probe; started by probe/index.ts.
import * as tf from "@tensorflow/tfjs-core";
import type { Backbone } from "#core/contract/index.ts";
import type { LoadedModel, Tensor } from "#core/model/engine.ts";
import { servingEngine } from "#core/model/serving-engine.ts";

/** A request to run a model on inputs a number of times. */
export interface RunOrder {
  inputs: Record<string, { shape: number[]; values: number[]; integer: boolean }>;
  tensors: string[];
  times: number;
}

/** The outputs of a model; numbers that JSON does not have are texts. */
export interface Answers {
  outputs: { shape: number[]; values: (number | string)[] }[];
}

/** The memory of the worker. */
export interface HeapSize {
  /** The WASM heap, which never shrinks. */
  heap: number;
}

let model: LoadedModel | null = null;

export default {
  async fetch(request: Request): Promise<Response> {
    const engine = servingEngine;
    switch (new URL(request.url).pathname) {
      case "/load": {
        const form = await request.formData();
        const [topology, values] = await Promise.all(["topology", "values"].map((part) => bytesOf(form.get(part))));
        model?.release();
        model = await engine.load(form.get("kind") as Backbone["kind"], {
          topology: topology as ArrayBuffer,
          shards: [values as ArrayBuffer],
        });
        return Response.json(memory());
      }
      case "/run": {
        const order = (await request.json()) as RunOrder;
        const given = inputsOf(order);
        for (let i = 0; i < order.times; i++) model?.run(given, order.tensors);
        return Response.json(memory());
      }
      case "/answer": {
        const order = (await request.json()) as RunOrder;
        const outputs = (model?.run(inputsOf(order), order.tensors) ?? []).map(({ shape, values }) => {
          return { shape, values: Array.from(values, (value) => (Number.isFinite(value) ? value : String(value))) };
        });
        return Response.json({ outputs } satisfies Answers);
      }
      default:
        return new Response(null, { status: 404 });
    }
  },
};

function inputsOf({ inputs }: Pick<RunOrder, "inputs">): Record<string, Tensor> {
  const given = Object.entries(inputs).map(([name, { shape, values, integer }]): [string, Tensor] => {
    return [name, { shape, values: integer ? Int32Array.from(values) : Float32Array.from(values) }];
  });
  return Object.fromEntries(given);
}

function bytesOf(part: FormDataEntryValue | null): Promise<ArrayBuffer> | ArrayBuffer {
  return part instanceof Blob ? part.arrayBuffer() : new ArrayBuffer();
}

function memory(): HeapSize {
  // A model that runs in loops has started none.
  if (tf.getBackend() !== "wasm") return { heap: 0 };
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  return { heap: wasm.HEAPU8.byteLength };
}
