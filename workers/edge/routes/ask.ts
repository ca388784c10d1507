import { askReplySchema, askSchema } from "#core/contract/index.ts";
import { retryAfterSeconds } from "#core/http/problem.ts";
import { type Call, jsonResponse, modelOf, type Route, requireScope } from "../call.ts";
import { json } from "../contract.ts";
import { ask } from "../ladder/ask.ts";
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
  const answers = await ask(call, resolved, body);
  const open = answers.find((answer) => answer.status === "open");
  const headers: Record<string, string> = open
    ? { location: `/v1/questions/${encodeURIComponent(open.id)}`, "retry-after": String(retryAfterSeconds) }
    : {};
  const [only] = answers;
  return jsonResponse(isOne ? only : { answers }, open ? 202 : 200, headers);
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
      replies: { 200: json(askReplySchema), 202: json(askReplySchema) },
    },
    handle: handleAsk,
  },
];
