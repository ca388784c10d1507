import { askSchema } from "../../core/contract/index.ts";
import { readJson } from "../../core/http/problem.ts";
import { limits } from "../../core/limits.ts";
import { type Call, jsonResponse, modelOf, type Route, requireScope } from "../call.ts";
import { ask } from "../ladder/ask.ts";
import { run } from "../ladder/run.ts";
import { servedManifest, servedPointer } from "../ladder/version.ts";

async function handleAsk(call: Call): Promise<Response> {
  const model = modelOf(call);
  const body = await readJson(call.request, askSchema, limits.bodyMaxBytes);
  if (body.trace) requireScope(call, "admin");
  if ((await servedManifest(call, await servedPointer(call, model))).task === "tensor") {
    const answers = await run(call, model, body);
    return jsonResponse(body.instance === undefined ? { answers } : answers[0]);
  }
  const answers = await ask(call, model, body);
  const open = answers.find((answer) => answer.status === "open");
  const headers: Record<string, string> = open
    ? { location: `/v1/questions/${open.id}`, "retry-after": String(limits.retryAfterSeconds) }
    : {};
  const [only] = answers;
  return jsonResponse(body.instance === undefined ? { answers } : only, open ? 202 : 200, headers);
}

export const askRoutes: readonly Route[] = [
  { method: "POST", path: "/v1/models/:model/ask", scope: "ask", operation: "ask", handle: handleAsk },
];
