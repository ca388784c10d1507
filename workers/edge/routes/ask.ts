import { askReplySchema, askSchema } from "#core/contract/index.ts";
import { retryAfterSeconds } from "#core/http/problem.ts";
import { type Call, jsonResponse, modelOf, type Route, requireScope } from "../call.ts";
import { json } from "../contract.ts";
import { isImage } from "../images/index.ts";
import { ask } from "../ladder/ask.ts";
import { requestHeader } from "../ladder/questions.ts";
import { run } from "../ladder/run.ts";
import { servedManifest, servedPointer } from "../ladder/version.ts";
import { imageQuery, images, readAsk } from "./ask-body.ts";

async function handleAsk(call: Call): Promise<Response> {
  const model = modelOf(call);
  const body = await readAsk(call, model);
  const isOne = body.instance !== undefined || isImage(call.request);
  if (body.trace) requireScope(call, "admin");
  if ((await servedManifest(call, await servedPointer(call, model))).task === "tensor") {
    const answers = await run(call, model, body);
    return jsonResponse(isOne ? answers[0] : { answers });
  }
  const answers = await ask(call, model, body);
  const open = answers.find((answer) => answer.status === "open");
  const headers: Record<string, string> = open
    ? { location: `/v1/questions/${open.id}`, "retry-after": String(retryAfterSeconds) }
    : {};
  const [only] = answers;
  return jsonResponse(isOne ? only : { answers }, open ? 202 : 200, headers);
}

export const askRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/models/:model/ask",
    scope: "ask",
    operation: "ask",
    contract: {
      query: imageQuery,
      headers: {
        "idempotency-key": { description: "The same key asks once; the answer is kept for it", type: "string" },
        [requestHeader]: { description: "A request's own id: sent again, it is the same question", type: "string" },
      },
      body: { ...json(askSchema), ...images },
      replies: { 200: json(askReplySchema), 202: json(askReplySchema) },
    },
    handle: handleAsk,
  },
];
