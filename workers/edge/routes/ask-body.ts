import { type AskBody, askSchema, type Draft, isPlainAsk, type Manifest } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { type InvalidField, invalidFields } from "#core/http/issues.ts";
import { parseJson, refuseOtherTypes } from "#core/http/problem.ts";
import { describe } from "#core/input/describe.ts";
import type { Call } from "../call.ts";
import type { Content, Contract } from "../contract.ts";
import { imageMaxPixels, scaleDown } from "../images/header.ts";
import { imageMaxBytes, readBody, readImage } from "../images/index.ts";
import { jpegMaxPixels } from "../images/jpeg/scale.ts";
import { imageTypes } from "../images/types.ts";

const imageBytes = {
  description:
    `A picture of at most ${imageMaxPixels.toLocaleString("en")} pixels (such as 2,048 × 2,048), or a JPEG of ` +
    `${jpegMaxPixels.toLocaleString("en")} that the model shrinks. ${scaleDown}`,
  maxBytes: imageMaxBytes,
};

/** Content types of images as bodies. An image of another content type is recognised by its first bytes. */
export const images: Content = Object.fromEntries(imageTypes.map((type) => [type, imageBytes]));

/** Options of a question whose body is an image. */
export const imageQuery = {
  accept: {
    description: "For an image: `always` returns the edge's answer and never escalates",
    type: "string",
    values: ["rule", "always"],
  },
  region: { description: "For an image: its region", type: "string" },
  caller: { description: "For an image: the caller, who stays on one side of a canary", type: "string" },
  candidates: { description: "For an image: a label that may be answered; repeat it", type: "string", isList: true },
  top: { description: "For an image: how many labels the answer lists in order", type: "integer" },
  trace: { description: "For an image: includes the scores of every head and rung (scope admin)", type: "boolean" },
} as const satisfies Contract["query"];

/** The questions of a request, and whether it is a single one, which is answered without a list. */
export interface Asked {
  body: AskBody;
  isOne: boolean;
}

/** Reads a request's questions: JSON, or an image with its options in the query. */
export async function readAsk(call: Call, manifest: Manifest): Promise<Asked> {
  refuseOtherTypes(call.request);
  const { isImage, bytes } = await readBody(call.request);
  if (isImage) return { body: await imageAsk(call, bytes, manifest), isOne: true };
  const body = parseJson(bytes, askSchema, unwrapped, isPlainAsk);
  return { body, isOne: body.instance !== undefined };
}

async function imageAsk(call: Call, bytes: Uint8Array<ArrayBuffer>, manifest: Manifest): Promise<AskBody> {
  const [candidates, top, trace] = [call.queries("candidates"), call.query("top"), call.query("trace")];
  const query = {
    ...given("accept", call.query("accept")),
    ...given("caller", call.query("caller")),
    ...given("candidates", candidates.length > 0 ? candidates : null),
    ...given("top", top && Number.isFinite(Number(top)) ? Number(top) : top),
    ...given("trace", trace === "true" ? true : trace),
  };
  const options = askSchema.safeParse({ questions: [await imageDraft(call, bytes, manifest)], ...query });
  if (options.success) return options.data;
  throw new FaultError({ kind: "invalid", errors: invalidFields(options.error.issues, query) });
}

// The columns of an instance, sent without the wrapper; or a picture as text.
function unwrapped(body: unknown): InvalidField | null {
  if (typeof body !== "object" || body === null) return null;
  const { instance } = body as { instance?: unknown };
  if (typeof instance === "string") {
    const message =
      "instance must be an object or an array; received text. Send a picture as the body itself, with its content type.";
    return { path: "instance", expected: "an object or an array", received: describe(instance), message };
  }
  if (!Array.isArray(body)) {
    const known = Object.keys(askSchema.shape);
    if (Object.keys(body).length === 0 || Object.keys(body).some((key) => known.includes(key))) return null;
  }
  const received = describe(body);
  const example = Array.isArray(body) ? '{"instance": […]}' : '{"instance": {…}}';
  const message = `instance is required: wrap the question's values as ${example}.`;
  return { path: "instance", expected: "present", received, message };
}

/** Reads an image as a question; the query may name its region. */
export async function imageDraft(call: Call, bytes: Uint8Array<ArrayBuffer>, manifest: Manifest): Promise<Draft> {
  const input = manifest.task !== "tensor" ? manifest.thin.input : null;
  if (input?.kind !== "image") {
    throw new FaultError({
      kind: "unsupported",
      expected: "application/json",
      received: "an image",
      next: `Model '${manifest.model}' takes no images: GET /v1/models/${manifest.model} shows examples.`,
    });
  }
  return { instance: await readImage(call.request, bytes, input), ...given("region", call.query("region")) };
}

function given<K extends string, V>(name: K, value: V | null): { [P in K]?: V } {
  return value === null ? {} : ({ [name]: value } as { [P in K]?: V });
}
