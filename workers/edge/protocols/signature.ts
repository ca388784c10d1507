import type {
  ClassifyManifest,
  Input,
  Manifest,
  NamedColumn,
  TensorNetwork,
  TensorType,
} from "#core/contract/index.ts";
import { imageShape } from "#core/input/image.ts";
import { extraColumnsOf } from "#core/rung/model-rung.ts";
import type { DatatypeName } from "./datatypes.ts";
import type { TensorMetadata } from "./tensor.ts";

/** The input and output tensors of a model. */
export interface Signature {
  inputs: TensorMetadata[];
  outputs: TensorMetadata[];
}

/** The name of the only input of a classifier for images or tensors. */
export const instanceName = "instance";

const datatypes: Record<TensorType, DatatypeName> = { float32: "FP32", int32: "INT32", bool: "BOOL" };

/** Describes a model to clients that use named tensors. */
export function signatureOf(manifest: Manifest): Signature {
  return manifest.task === "tensor" ? declaredOf(manifest.network) : classifierOf(manifest);
}

function declaredOf({ inputs, outputs }: TensorNetwork): Signature {
  const [ins, outs] = [inputs, outputs].map((specs) =>
    specs.map(({ name, dtype, shape }) => ({ name, datatype: datatypes[dtype], shape: [-1, ...shape] })),
  ) as [TensorMetadata[], TensorMetadata[]];
  return { inputs: ins, outputs: outs };
}

// A model that learns has one input for each column, or a single `instance`; its outputs are the fields of an answer.
function classifierOf(manifest: ClassifyManifest): Signature {
  const inputs = inputsOf(manifest.thin.input);
  if (manifest.thin.input.kind === "features") {
    const named = new Set(inputs.map(({ name }) => name));
    const extra = new Set(extraColumnsOf(manifest).filter((name) => !named.has(name)));
    inputs.push(...[...extra].map((name) => column(name, "BYTES")));
  }
  const { labels, number } = manifest;
  const interval: TensorMetadata = { name: "interval", datatype: "FP64", shape: [-1, 2] };
  return {
    inputs,
    outputs: [
      ...(number ? [column("value", "FP64"), column("mean", "FP64"), interval] : [column("label", "BYTES")]),
      { name: "scores", datatype: "FP32", shape: [-1, labels.length], labels },
      column("confidence", "FP32"),
      column("status", "BYTES"),
      column("rung", "BYTES"),
      column("version", "BYTES"),
      column("id", "BYTES"),
    ],
  };
}

function inputsOf(input: Input): TensorMetadata[] {
  switch (input.kind) {
    case "features":
      return input.columns.flatMap((one) => (one.type === "region" ? [] : [column(one.name, columnDatatype(one))]));
    case "tensor":
      return [{ name: instanceName, datatype: datatypes[input.dtype], shape: [-1, ...input.shape] }];
    case "image":
      return [{ name: instanceName, datatype: "UINT8", shape: [-1, ...imageShape(input)] }];
  }
}

function columnDatatype({ type }: NamedColumn): DatatypeName {
  switch (type) {
    case "number":
    case "cycle":
      return "FP64";
    case "boolean":
      return "BOOL";
    case "date":
    case "category":
    case "hashed":
    case "text":
      return "BYTES";
  }
}

function column(name: string, datatype: DatatypeName): TensorMetadata {
  return { name, datatype, shape: [-1] };
}
