import {
  answerSchema,
  bodyMaxBytes,
  type Closed,
  closedSchema,
  flagSchema,
  humanLabelSchema,
  skippedSchema,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import type { Result } from "#core/result.ts";
import { taskOf } from "#core/task/index.ts";
import { isTrusted } from "#core/tokens.ts";
import type { LabelGiver, ReviewRefusal } from "#objects/review/api.ts";
import { regionObject, reviewObject } from "#objects/stubs.ts";
import { type Call, jsonResponse, ownerOf, type Route } from "../call.ts";
import { json, type ParameterMap } from "../contract.ts";
import { type Addressed, addressOf, unknownQuestion } from "./questions.ts";

/** The header that names the person who uses the token. */
export const reviewer: ParameterMap = {
  "x-upriver-reviewer": { description: "The person who uses the token", type: "string" },
};

const reviewerMaxChars = 200;

/** Identifies the holder of a lease: the token, and the person if the request names one. Throws for a name too long. */
export function holderOf(call: Call): string {
  const person = call.request.headers.get("x-upriver-reviewer") ?? "";
  if (person.length <= reviewerMaxChars) return `${ownerOf(call)}/${person}`;
  const [expected, received] = [`at most ${reviewerMaxChars} characters`, `${person.length} characters`];
  throw new FaultError({ kind: "invalid", errors: [{ path: "x-upriver-reviewer", expected, received }] });
}

function giverOf(call: Call): LabelGiver {
  return { labelledBy: ownerOf(call), trusted: !call.token || isTrusted(call.token) };
}

async function postAnswer(call: Call): Promise<Response> {
  const address = await addressOf(call);
  const { label: given } = await readJson(call.request, humanLabelSchema, bodyMaxBytes);
  const label = await answerAs(call, address, String(given));
  const { id, model, region, manifest } = address;
  // The region has no such question where only a label was to be checked.
  const by = { status: "answered", accepted: true, rung: "human", version: "human", certificate: null } as const;
  return settled(call, address, { id, model, region, ...taskOf(manifest).known(label), ...by });
}

/**
 * Answers a question as a person, and returns the label as it is stored. Throws a fault for a label that it may not have, or
 * if another person holds the question.
 */
export async function answerAs(call: Call, { id, model, manifest }: Addressed, given: string): Promise<string> {
  const task = taskOf(manifest);
  const label = task.parse(given);
  if (label === null) throw unfitLabel(given, task.expected);
  taken(id, await reviewObject(call.env, model).answer(id, label, holderOf(call), giverOf(call)));
  return label;
}

function unfitLabel(label: string, expected: string): FaultError {
  const error = { path: "label", expected, received: `'${label}'` };
  return new FaultError({ kind: "invalid", errors: [error] });
}

async function postSkip(call: Call): Promise<Response> {
  const { id, model } = await addressOf(call);
  taken(id, await reviewObject(call.env, model).skip(id, holderOf(call)));
  return jsonResponse({ id, skipped: true });
}

async function postFlag(call: Call): Promise<Response> {
  const address = await addressOf(call);
  const { id, model } = address;
  const { reason } = await readJson(call.request, flagSchema, bodyMaxBytes);
  taken(id, await reviewObject(call.env, model).flag(id, reason, holderOf(call)));
  return settled(call, address, { id, flagged: true });
}

async function settled(call: Call, { id, model, region }: Addressed, otherwise: Closed): Promise<Response> {
  const answer = await regionObject(call.env, model, region).read(id, null, 0);
  return jsonResponse(answer.ok ? answer.value : otherwise);
}

/** Throws the fault for a refusal of the queue. */
function taken(id: string, result: Result<null, ReviewRefusal>): void {
  if (result.ok) return;
  const conflict = (expected: string, received: string) => {
    const next = "GET /v1/models/{model}/review leases the next question.";
    return new FaultError({ kind: "conflict", expected, received, next });
  };
  const refusal = result.error;
  switch (refusal.kind) {
    case "unknown":
      throw unknownQuestion(id);
    case "not-a-candidate":
      throw unfitLabel(refusal.label, `one of ${refusal.candidates.join(", ")}`);
    case "leased":
      throw conflict("a question that no other person has leased", "a question that another person is answering");
    case "not-leased":
      throw conflict(
        "a question that you have leased",
        "a question without a lease of yours, or whose lease has expired",
      );
    case "answered":
      throw conflict("an open question", `a question with the answer '${refusal.label}'`);
    case "flagged":
      throw conflict("a question in the queue", `a flagged question: ${refusal.reason}`);
  }
}

export const reviewQuestionRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/questions/:id/answer",
    scope: "review",
    audit: "admin",
    operation: "answer a question",
    contract: {
      headers: reviewer,
      body: json(humanLabelSchema),
      example: { label: "umbrella" },
      replies: { 200: json(answerSchema) },
    },
    handle: postAnswer,
  },
  {
    method: "POST",
    path: "/v1/questions/:id/skip",
    scope: "review",
    audit: "admin",
    operation: "skip a question",
    contract: { headers: reviewer, replies: { 200: json(skippedSchema) } },
    handle: postSkip,
  },
  {
    method: "POST",
    path: "/v1/questions/:id/flag",
    scope: "review",
    audit: "admin",
    operation: "flag a question",
    contract: {
      headers: reviewer,
      body: json(flagSchema),
      example: { reason: "blurred" },
      replies: { 200: json(closedSchema) },
    },
    handle: postFlag,
  },
];
