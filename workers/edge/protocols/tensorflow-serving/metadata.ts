import type { Named } from "../ask-tensors.ts";
import type { DatatypeName } from "../datatypes.ts";
import type { TensorMetadata } from "../tensor.ts";
import type { PredictMetadata, TensorInfos } from "./schema.ts";

const dtypes: Record<DatatypeName, string> = {
  BOOL: "DT_BOOL",
  UINT8: "DT_UINT8",
  UINT16: "DT_UINT16",
  UINT32: "DT_UINT32",
  UINT64: "DT_UINT64",
  INT8: "DT_INT8",
  INT16: "DT_INT16",
  INT32: "DT_INT32",
  INT64: "DT_INT64",
  FP16: "DT_HALF",
  FP32: "DT_FLOAT",
  FP64: "DT_DOUBLE",
  BYTES: "DT_STRING",
};

/** The metadata of a model in TensorFlow Serving's form. All signatures have the same inputs and outputs. */
export function predictMetadata({ model, manifest, signature }: Named): PredictMetadata {
  const definition = {
    inputs: tensorInfos(signature.inputs),
    outputs: tensorInfos(signature.outputs),
    method_name: "tensorflow/serving/predict",
  };
  return {
    model_spec: { name: model, signature_name: "", version: String(manifest.version) },
    metadata: {
      signature_def: { signature_def: { serving_default: definition, escalate: definition } },
    },
  };
}

function tensorInfos(specs: readonly TensorMetadata[]): TensorInfos {
  return Object.fromEntries(specs.map(({ name, datatype, shape }) => [name, tensorInfo(name, datatype, shape)]));
}

function tensorInfo(name: string, datatype: DatatypeName, shape: readonly number[]): TensorInfos[string] {
  const dim = shape.map((size) => ({ size: String(size), name: "" }));
  return { name, dtype: dtypes[datatype], tensor_shape: { dim, unknown_rank: false } };
}
