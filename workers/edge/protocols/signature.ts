import type { Column, Input, Manifest } from "../../core/contract/index.ts";
import { imageShape } from "../../core/input/image.ts";
import { extraColumnsOf } from "../../core/rung/model-rung.ts";
import type { DatatypeName } from "./datatypes.ts";
import type { TensorSpec } from "./tensor.ts";

/** A model as tensors in and out. */
export interface Signature {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

/** The one input of a model that takes an image or a plain tensor. */
export const instanceName = "instance";

/** How a model looks to clients that speak in named tensors: a features column each, or one `instance`. */
export function signatureOf(manifest: Manifest): Signature {
  const inputs = inputsOf(manifest.thin.input);
  if (manifest.thin.input.kind === "features") {
    const named = new Set(inputs.map(({ name }) => name));
    const extra = extraColumnsOf(manifest).filter((name) => !named.has(name));
    inputs.push(...[...new Set(extra)].map((name) => column(name, "BYTES")));
  }
  const { labels } = manifest;
  return {
    inputs,
    outputs: [
      column("label", "BYTES"),
      { name: "scores", datatype: "FP32", shape: [-1, labels.length], labels },
      column("confidence", "FP32"),
      column("status", "BYTES"),
      column("rung", "BYTES"),
      column("version", "BYTES"),
      column("id", "BYTES"),
    ],
  };
}

function inputsOf(input: Input): TensorSpec[] {
  switch (input.kind) {
    case "features":
      return input.columns.flatMap((one) => (one.type === "region" ? [] : [column(one.name, columnDatatype(one))]));
    case "tensor": {
      const datatype = input.dtype === "int32" ? "INT32" : "FP32";
      return [{ name: instanceName, datatype, shape: [-1, ...input.shape] }];
    }
    case "image":
      return [{ name: instanceName, datatype: "UINT8", shape: [-1, ...imageShape(input)] }];
  }
}

function columnDatatype({ type }: Column): DatatypeName {
  return type === "category" ? "BYTES" : "FP64";
}

function column(name: string, datatype: DatatypeName): TensorSpec {
  return { name, datatype, shape: [-1] };
}
