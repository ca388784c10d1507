import {
  type Answer,
  answerSchema,
  answersSchema,
  bodyMaxBytes,
  type ClassifyManifest,
  forgottenSchema,
  idsSchema,
  type LabelResult,
  labelResultSchema,
  questionWaySchema,
  truthSchema,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { preferredWaitSeconds, waitMaxSeconds } from "#core/http/prefer.ts";
import { readJson, retryAfterSeconds } from "#core/http/problem.ts";
import { parseId, type QuestionAddress } from "#core/ids.ts";
import { limitsOf } from "#core/limits/limits.ts";
import { regionObject } from "#objects/stubs.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, isAdmin, jsonResponse, type Route, readerOf, requireModel, requireRegion } from "../call.ts";
import { bytes, json, preferWait } from "../contract.ts";
import { hasRegion } from "../ladder/regions.ts";
import { baseFor, servedPointer } from "../ladder/version.ts";
import { holdRequest, reached } from "../limits.ts";
import { labelContextOf, recordedLabels } from "./truths.ts";

export interface Addressed extends QuestionAddress {
  id: string;
  /** The manifest of the version that serves the question's region. */
  manifest: ClassifyManifest;
}

/** Parses and checks a question id before any object is addressed: each new name would create an object. */
export async function addressOf(call: Call, id = call.params.id as string): Promise<Addressed> {
  const address = parseId(id);
  if (!address.ok) throw unknownQuestion(id);
  const { model, region } = address.value;
  requireModel(call, model);
  requireRegion(call, region);
  const pointer = await servedPointer(call, model);
  const manifest = await classifierOf(call, model, baseFor(pointer, region));
  if (!(await hasRegion(call, manifest, region))) throw unknownQuestion(id);
  return { id, model, region, manifest };
}

async function getQuestion(call: Call): Promise<Response> {
  const waitSeconds = preferredWaitSeconds(call.request, waitMaxSeconds);
  const address = await addressOf(call);
  if (call.request.headers.get("accept")?.includes("text/event-stream")) return eventStream(call, address);
  const answer = await readAnswer(call, address, waitSeconds * 1_000);
  const isOpen = answer.status === "open";
  const headers: Record<string, string> = isOpen ? { "retry-after": String(retryAfterSeconds) } : {};
  return jsonResponse(answer, isOpen ? 202 : 200, headers);
}

/** Reads an answer; waits for it while the question is open. Does not retry: the runtime has done so already. */
async function readAnswer(call: Call, { id, model, region }: Addressed, waitMs: number): Promise<Answer> {
  const waitsMax = limitsOf(call.token)?.waits;
  const result = await regionObject(call.env, model, region).read(id, readerOf(call), waitMs, waitsMax);
  if (!result.ok && result.error.kind === "limited") throw reached(call, result.error.limit);
  // The same reply as for a question of another token, whose existence is a secret.
  if (!result.ok) throw unknownQuestion(id);
  return result.value;
}

/** Reads the answers to many questions at once. Those that the caller did not ask, or that are not stored, are left out. */
async function readAnswers(call: Call): Promise<Response> {
  const { ids } = await readJson(call.request, idsSchema, bodyMaxBytes);
  const groups = Map.groupBy(ids, (id) => id.slice(0, id.lastIndexOf("~")));
  const found = await Promise.all(
    [...groups.values()].map(async (some) => {
      const address = await addressOf(call, some[0] as string).catch((error: unknown) => {
        if (error instanceof FaultError) return null;
        throw error;
      });
      return address ? regionObject(call.env, address.model, address.region).readAll(some, readerOf(call)) : [];
    }),
  );
  return jsonResponse({ answers: found.flat() });
}

/** Streams the answer as server-sent events: `open` with the provisional answer at once, then `answered`. */
async function eventStream(call: Call, address: Addressed): Promise<Response> {
  const first = await readAnswer(call, address, 0);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const send = (answer: Answer) =>
    writer.write(new TextEncoder().encode(`event: ${answer.status}\ndata: ${JSON.stringify(answer)}\n\n`));
  // It goes on after the response.
  const release = holdRequest(call);
  const stream = async () => {
    await send(first);
    let answer = first;
    while (answer.status === "open") {
      answer = await readAnswer(call, address, waitMaxSeconds * 1_000);
      await send(answer);
    }
    await writer.close();
  };
  call.later(
    stream()
      .catch(() => writer.abort())
      .finally(release),
  );
  return new Response(readable, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

async function postTruth(call: Call): Promise<Response> {
  const { id, model, region, manifest } = await addressOf(call);
  const { label, instance, at } = await readJson(call.request, truthSchema, bodyMaxBytes);
  const context = labelContextOf(call, at);
  const newLabel = { id, label: String(label), ...(instance === undefined ? {} : { instance }) };
  const recorded = await regionObject(call.env, model, region).recordTruths(manifest.version, [newLabel], context);
  const [result] = recordedLabels(recorded, undefined, manifest);
  const { split, ...shown } = result as LabelResult;
  return jsonResponse(isAdmin(call) ? { ...shown, split } : shown);
}

/** Forgets a question and removes its sample from the sums. */
async function deleteQuestion(call: Call): Promise<Response> {
  const { id, model, region } = await addressOf(call);
  const forgotten = await regionObject(call.env, model, region).forgetQuestion(id, readerOf(call));
  if (!forgotten.ok) throw unknownQuestion(id);
  return jsonResponse({ id, forgotten: true });
}

/** Returns the fault for a question that does not exist or belongs to another token. */
export function unknownQuestion(id: string): FaultError {
  return new FaultError({
    kind: "not-found",
    what: `question '${id}' for this token`,
    next: "Use the id of a question that this token asked. A question answered at the edge may not be stored.",
  });
}

/** Reads everything that the region has recorded of a question. */
async function getWay(call: Call): Promise<Response> {
  const { id, model, region } = await addressOf(call);
  const way = await regionObject(call.env, model, region).way(id);
  if (way === null) throw unknownQuestion(id);
  return jsonResponse(way);
}

export const questionRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/questions/:id",
    scope: "ask",
    operation: "read a question",
    contract: {
      headers: preferWait,
      replies: { 200: { ...json(answerSchema), ...bytes("text/event-stream") }, 202: json(answerSchema) },
    },
    handle: getQuestion,
  },
  {
    method: "POST",
    path: "/v1/answers",
    scope: "ask",
    audit: "never",
    operation: "read the answers to many questions",
    contract: { body: json(idsSchema), replies: { 200: json(answersSchema) } },
    handle: readAnswers,
  },
  {
    method: "GET",
    path: "/v1/questions/:id/way",
    scope: "admin",
    operation: "read the way of a question",
    contract: { replies: { 200: json(questionWaySchema) } },
    handle: getWay,
  },
  {
    method: "POST",
    path: "/v1/questions/:id/truth",
    scope: "teach",
    audit: "admin",
    operation: "teach the true label of a question",
    contract: { body: json(truthSchema), example: { label: "umbrella" }, replies: { 200: json(labelResultSchema) } },
    handle: postTruth,
  },
  {
    method: "DELETE",
    path: "/v1/questions/:id",
    scope: "teach",
    audit: "admin",
    operation: "forget a question",
    contract: { replies: { 200: json(forgottenSchema) } },
    handle: deleteQuestion,
  },
];
