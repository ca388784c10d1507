import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";

// The facts of the protocol's own OpenAPI document: kserve/open-inference-protocol,
// specification/protocol/open_inference_rest.yaml at 18d5991e (Apache-2.0). What it does not forbid is allowed here too.
const text = { type: "string" };
const parameters = { type: "object" };
const tensorData = { $ref: "#/$defs/tensorData" };
const list = (items: object) => ({ type: "array", items });
const object = (required: string[], properties: object) => ({ type: "object", required, properties });

const tensorHead = { name: text, shape: list({ type: "integer" }), datatype: text, parameters };
const described = object(["name", "datatype", "shape"], tensorHead);
const requestedOutput = object(["name"], { name: text, parameters });

// The document has no binary data: there, by extension_binary_data.md of triton-inference-server/server, its size
// stands in for `data`.
const inBinary = {
  required: ["parameters"],
  properties: { parameters: object(["binary_data_size"], { binary_data_size: { type: "integer" } }) },
};
const tensor = {
  ...object(["name", "shape", "datatype"], { ...tensorHead, data: tensorData }),
  oneOf: [{ required: ["data"] }, inBinary],
};

const messages = {
  serverMetadata: object(["name", "version", "extensions"], { name: text, version: text, extensions: list(text) }),
  modelMetadata: object(["name", "platform"], {
    name: text,
    versions: list(text),
    platform: text,
    inputs: list(described),
    outputs: list(described),
  }),
  inferRequest: object(["inputs"], { id: text, parameters, inputs: list(tensor), outputs: list(requestedOutput) }),
  inferResponse: object(["model_name", "outputs"], {
    model_name: text,
    model_version: text,
    id: text,
    parameters,
    outputs: list(tensor),
  }),
  error: object(["error"], { error: text }),
} as const;

const $defs = {
  tensorData: list({ anyOf: [tensorData, { type: "number" }, text, { type: "boolean" }] }),
};

/** What the protocol's own schema holds against a message; empty where nothing. */
export function faultsOf(message: keyof typeof messages, value: unknown): OutputUnit[] {
  return new Validator({ ...messages[message], $defs } as Schema, "2020-12").validate(value).errors;
}
