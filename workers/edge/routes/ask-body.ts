import { type AskBody, askSchema, bodyMaxBytes, type Draft, type Manifest } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import type { Call } from "../call.ts";
import type { Content, Contract } from "../contract.ts";
import { isImage, readImage } from "../images/index.ts";
import { imageTypes } from "../images/types.ts";
import { servedManifest, servedPointer } from "../ladder/version.ts";

/** Images as bodies. */
export const images: Content = Object.fromEntries(imageTypes.map((type) => [type, "bytes"]));

/** What an image's question says besides. */
export const imageQuery = {
  accept: { description: "Of an image: `always` takes the edge's answer", type: "string", values: ["rule", "always"] },
  region: { description: "Of an image: its region", type: "string" },
  caller: { description: "Of an image: keeps a caller on one side of a canary", type: "string" },
  trace: { description: "Of an image: the scores of every head and rung; admin", type: "boolean" },
} as const satisfies Contract["query"];

/** What a request asks: JSON, or an image whose options are in the query. */
export async function readAsk(call: Call, model: string): Promise<AskBody> {
  if (!isImage(call.request)) return readJson(call.request, askSchema, bodyMaxBytes);
  const options = askSchema.safeParse({
    questions: [await imageDraft(call, await servedManifest(call, await servedPointer(call, model)))],
    ...given("accept", call.query("accept")),
    ...given("caller", call.query("caller")),
    ...given("trace", call.query("trace") === "true" ? true : call.query("trace")),
  });
  if (options.success) return options.data;
  const errors = options.error.issues.map(({ path, message }) => ({
    path: path.join("."),
    expected: message,
    received: `'${call.query(String(path[0])) ?? ""}'`,
  }));
  throw new FaultError({ kind: "invalid", errors });
}

/** An image in a request's body as a question, its region from the query where one is given. */
export async function imageDraft(call: Call, manifest: Manifest): Promise<Draft> {
  const input = manifest.task === "classify" ? manifest.thin.input : null;
  if (input?.kind !== "image") {
    throw new FaultError({
      kind: "unsupported",
      expected: "application/json",
      received: "an image",
      next: `Model '${manifest.model}' takes no images: GET /v1/models/${manifest.model} shows examples.`,
    });
  }
  return { instance: await readImage(call.request, input), ...given("region", call.query("region")) };
}

function given<K extends string, V>(name: K, value: V | null): { [P in K]?: V } {
  return value === null ? {} : ({ [name]: value } as { [P in K]?: V });
}
