import { type Answer, type AskBody, askReplySchema, askSchema } from "#core/contract/index.ts";
import { retryAfterSeconds } from "#core/http/problem.ts";
import type { Rows } from "#core/rung/rows.ts";
import { type Call, jsonResponse, modelOf, type Route, requireScope } from "../call.ts";
import { json } from "../contract.ts";
import { ask } from "../ladder/ask.ts";
import { askRows } from "../ladder/ask-rows.ts";
import { isHop, isRung } from "../ladder/hop.ts";
import { requestHeader } from "../ladder/questions.ts";
import { run } from "../ladder/run.ts";
import { resolveModel } from "../ladder/version.ts";
import { imageQuery, images, readAsk } from "./ask-body.ts";

async function handleAsk(call: Call): Promise<Response> {
  const model = modelOf(call);
  const resolved = await resolveModel(call, model);
  const { body, isOne } = await readAsk(call, resolved.manifest);
  if (body.trace && !isRung(call)) {
    // A hop with a token that is no rung's still gets its answers.
    if (!isHop(body)) requireScope(call, "admin");
    body.trace = false;
  }
  if (resolved.manifest.task === "tensor") {
    const answers = await run(call, resolved.pointer, body);
    return jsonResponse(isOne ? answers[0] : { answers });
  }
  const rows = rowsOf(body);
  const answered = rows && (await askRows(call, resolved, rows, body));
  if (answered) {
    return new Response(answered.toJson(), waiting(answered.open, { "content-type": "application/json" }));
  }
  const answers = await ask(call, resolved, body);
  const open = answers.find((answer) => answer.status === "open");
  const [only] = answers;
  return Response.json(isOne ? only : { answers }, waiting(open));
}

/** Status and headers of a reply, by its first open question. */
function waiting(open: Answer | undefined, headers: Record<string, string> = {}): ResponseInit {
  if (!open) return { status: 200, headers };
  const location = `/v1/questions/${encodeURIComponent(open.id)}`;
  return { status: 202, headers: { ...headers, location, "retry-after": String(retryAfterSeconds) } };
}

/** Returns the instances of a batch that chooses nothing for its questions; null for any other body. */
function rowsOf({ instances, accept: _, caller: __, ...others }: AskBody): Rows | null {
  const isPlain = Object.values(others).every((value) => value === undefined);
  return instances && isPlain
    ? { count: instances.length, instanceOf: (row) => instances[row] as (typeof instances)[number] }
    : null;
}

export const askRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/models/:model/ask",
    scope: "ask",
    audit: "never",
    operation: "ask",
    contract: {
      query: imageQuery,
      headers: {
        "idempotency-key": {
          description: "Asks once for each key: a retry with the same key returns the stored answer",
          type: "string",
        },
        [requestHeader]: {
          description: "The id of the request: a retry with the same id is the same question",
          type: "string",
        },
        prefer: {
          description:
            "wait=N: wait up to N seconds for the rungs above, at most 10. The question goes on; 202 says where",
          type: "string",
        },
      },
      body: { ...json(askSchema), ...images },
      example: { instance: { temperature: 23.4, hour: 17, region: "lagoon" }, top: 3 },
      replies: { 200: json(askReplySchema), 202: json(askReplySchema) },
    },
    handle: handleAsk,
  },
];
