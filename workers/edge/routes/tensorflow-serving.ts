import { bodyMaxBytes } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { json } from "../contract.ts";
import { askTensors, namedOf } from "../protocols/ask-tensors.ts";
import { refuse } from "../protocols/refuse.ts";
import { predictMetadata } from "../protocols/tensorflow-serving/metadata.ts";
import {
  instancesIn,
  regressBody,
  regressRequestSchema,
  regressResponseSchema,
} from "../protocols/tensorflow-serving/regress.ts";
import { tensorsOf } from "../protocols/tensorflow-serving/request.ts";
import { predictBody } from "../protocols/tensorflow-serving/response.ts";
import {
  predictMetadataSchema,
  predictRequestSchema,
  predictResponseSchema,
} from "../protocols/tensorflow-serving/schema.ts";

async function predict(call: Call): Promise<Response> {
  const body = await readJson(call.request, predictRequestSchema, bodyMaxBytes);
  const named = await namedOf(withoutVerb(call));
  const tensors = tensorsOf(body, named.signature.inputs);
  const { signature_name, candidates } = body;
  const { outputs } = await askTensors(call, named, tensors, { escalate: signature_name === "escalate", candidates });
  return jsonResponse(predictBody(body, outputs));
}

async function regress(call: Call): Promise<Response> {
  const body = await readJson(call.request, regressRequestSchema, bodyMaxBytes);
  const named = await namedOf(withoutVerb(call));
  if (named.manifest.task !== "regress") {
    throw new FaultError({
      kind: "conflict",
      expected: "a model of numbers",
      received: `'${named.model}', whose task is '${named.manifest.task}'`,
      next: "Use :predict.",
    });
  }
  const tensors = tensorsOf({ instances: instancesIn(body) }, named.signature.inputs);
  const { outputs } = await askTensors(call, named, tensors, { escalate: body.signature_name === "escalate" });
  return jsonResponse(regressBody(outputs));
}

async function describeModel(call: Call): Promise<Response> {
  return jsonResponse(predictMetadata(await namedOf(call)));
}

// The router has no suffixes of parameters: the parameter contains name and verb.
function withoutVerb(call: Call): Call {
  const params = Object.entries(call.params).map(([name, value]) => [name, value.replace(/:(predict|regress)$/, "")]);
  return { ...call, params: Object.fromEntries(params) };
}

const ofModel = "/v1/models/:model";

/** Routes of TensorFlow Serving's REST API: predict, regress and metadata. */
export const tensorflowServingRoutes: readonly Route[] = [
  ...[`${ofModel}{[^/]+:predict}`, `${ofModel}/versions/:version{[^/]+:predict}`].map(
    (path): Route => ({
      method: "POST",
      path,
      scope: "ask",
      audit: "never",
      operation: "predict",
      contract: { body: json(predictRequestSchema), replies: { 200: json(predictResponseSchema) } },
      refuse,
      handle: predict,
    }),
  ),
  ...[`${ofModel}{[^/]+:regress}`, `${ofModel}/versions/:version{[^/]+:regress}`].map(
    (path): Route => ({
      method: "POST",
      path,
      scope: "ask",
      audit: "never",
      operation: "predict numbers",
      contract: { body: json(regressRequestSchema), replies: { 200: json(regressResponseSchema) } },
      refuse,
      handle: regress,
    }),
  ),
  ...[`${ofModel}/metadata`, `${ofModel}/versions/:version/metadata`].map(
    (path): Route => ({
      method: "GET",
      path,
      scope: "ask",
      operation: "describe a model",
      contract: { replies: { 200: json(predictMetadataSchema) } },
      refuse,
      handle: describeModel,
    }),
  ),
];
