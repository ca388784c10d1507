import type { ZodType } from "zod";
import { classifying } from "#core/artefacts.ts";
import { type Answer, bodyMaxBytes } from "#core/contract/index.ts";
import type { Decision, DecisionRequest, Distribution } from "#core/decisions/decision.ts";
import {
  decisionsErrorSchema,
  decisionsReplySchema,
  decisionsRequestSchema,
  readDecisions,
  writeDecisions,
} from "#core/decisions/openai-decisions.ts";
import {
  readSystemOne,
  systemOneErrorSchema,
  systemOneReplySchema,
  systemOneRequestSchema,
  writeSystemOne,
} from "#core/decisions/system-one.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { type Call, jsonResponse, type Route, requireModel } from "../call.ts";
import { json } from "../contract.ts";
import { ask } from "../ladder/ask.ts";
import { type Resolved, resolveModel } from "../ladder/version.ts";
import { admitQuestions } from "../limits.ts";
import { instanceOf } from "../protocols/decisions/instance.ts";
import { mayPass, passAbove } from "../protocols/decisions/pass.ts";
import { planDecisions } from "../protocols/decisions/plan.ts";
import { refuseDecisions, refuseSystemOne } from "../protocols/decisions/refuse.ts";

/** Clients of these protocols wait ten seconds: the reply is there before. */
const remainingMs = 8_000;
const headerMaxChars = 4_096;

/** A protocol of decision models. */
interface Protocol<T extends { model: string }, Reply> {
  path: string;
  name: string;
  request: ZodType<T>;
  reply: ZodType<Reply>;
  error: ZodType;
  refuse: typeof refuseDecisions;
  read: (body: T) => DecisionRequest;
  write: (body: T, distributions: readonly Distribution[], by: { model: string }) => Reply;
  /** The fields of the state and of a question. */
  state: string;
  question: (decision: Decision, index: number) => string;
}

function routeOf<T extends { model: string }, Reply>(protocol: Protocol<T, Reply>): Route {
  const { path, name, request, reply, error, refuse } = protocol;
  return {
    method: "POST",
    path,
    scope: "ask",
    audit: "never",
    operation: `decide by ${name}`,
    contract: { body: json(request), replies: { 200: json(reply) }, error },
    refuse,
    async handle(call) {
      const body = await readJson(call.request, request, bodyMaxBytes);
      const resolved = await found(call, body.model);
      if (!resolved) {
        await admitQuestions(call, 1);
        return passAbove(call, path, body, refuse);
      }
      const { answers, distributions } = await decide(call, resolved, protocol.read(body), protocol);
      return jsonResponse(protocol.write(body, distributions, { model: body.model }), 200, answersHeader(answers));
    },
  };
}

/** Resolves a model of ours. Returns null for another, where the caller's questions may be passed on. */
async function found(call: Call, model: string): Promise<Resolved | null> {
  try {
    requireModel(call, model);
    return await resolveModel(call, model);
  } catch (error) {
    const isUnknown = error instanceof FaultError && error.fault.kind === "not-found";
    if (isUnknown && mayPass(call)) return null;
    throw error;
  }
}

async function decide(
  call: Call,
  resolved: Resolved,
  { state, decisions }: DecisionRequest,
  at: Pick<Protocol<never, unknown>, "state" | "question">,
) {
  const { task } = resolved.manifest;
  if (task !== "classify") {
    const expected = `a model with labels: this one returns ${task === "regress" ? "a number" : "tensors"}`;
    throw new FaultError({ kind: "invalid", errors: [{ path: "model", expected, received: resolved.manifest.model }] });
  }
  const manifest = classifying(resolved.manifest);
  const instance = instanceOf(manifest.thin.input, state, at.state);
  const plan = planDecisions(manifest, instance, decisions, at.question);
  const asked = await ask(call, resolved, { questions: plan.drafts, remainingMs }).catch((error) => {
    throw inState(error, at.state);
  });
  const answers = plan.decisions.map(({ draft }) => asked[draft] as Answer);
  return { answers, distributions: plan.decisions.map(({ read }, i) => read(answers[i] as Answer)) };
}

/** Places the faults of an instance in the state: all questions have the same. */
function inState(error: unknown, state: string): unknown {
  if (!(error instanceof FaultError) || error.fault.kind !== "invalid") return error;
  const errors = error.fault.errors
    .filter(({ index = 0 }) => index === 0)
    .map(({ index: _, message: __, ...field }) => ({
      ...field,
      path: field.path === "" ? state : `${state}.${field.path}`,
    }));
  return new FaultError({ ...error.fault, errors });
}

/** The questions behind the answers, which the protocols have no field for: their ids, who answered, and whether it is final. */
function answersHeader(answers: readonly Answer[]): Record<string, string> {
  const known = answers.map(({ id, status, accepted, rung, version }) => ({ id, status, accepted, rung, version }));
  const text = JSON.stringify(known).replace(
    /[^\x20-\x7e]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > headerMaxChars ? {} : { "x-upriver-answers": text };
}

/** Routes of decision models: System One, and OpenAI Decisions. */
export const decisionRoutes: readonly Route[] = [
  routeOf({
    ...{ path: "/v1/systemone", name: "System One", refuse: refuseSystemOne },
    ...{ request: systemOneRequestSchema, reply: systemOneReplySchema, error: systemOneErrorSchema },
    ...{ read: readSystemOne, write: writeSystemOne, state: "state" },
    question: ({ id, type }) => `questions.${id}.${type === "yes-no" ? "instructions" : "criteria"}`,
  }),
  routeOf({
    ...{ path: "/v1/decisions", name: "OpenAI Decisions", refuse: refuseDecisions },
    ...{ request: decisionsRequestSchema, reply: decisionsReplySchema, error: decisionsErrorSchema },
    ...{ read: readDecisions, write: writeDecisions, state: "input" },
    question: ({ type }, i) =>
      `questions.${i}.${{ choice: "choices", score: "levels", "yes-no": "instructions" }[type]}`,
  }),
];
