import { sha256Hex } from "../../hash.ts";
import type { Asked, Scored, Send } from "./adapter.ts";
import { distributionOf, modelNameOf } from "./distribution.ts";
import { fieldsOf, noAnswer } from "./transport.ts";

/** Asks another's node by our own protocol. Its rule accepts for its own callers: here its scores count as any other's. */
export async function askOwnProtocol({ rung, labels, question, hop }: Asked, send: Send): Promise<Scored> {
  const { id, region, instance } = question;
  const body = { questions: [{ region, instance }], remainingMs: hop.remainingMs, via: hop.via };
  const path = `/v1/models/${encodeURIComponent(rung.model)}/ask`;
  // Its ids are its own: with the request's id, a repeated question is one question there.
  const { answers } = fieldsOf(await send(path, body, { "x-upriver-request": await sha256Hex(id) }));
  // A newer node's answer has more fields.
  const { scores, model, version } = fieldsOf(Array.isArray(answers) ? answers[0] : null);
  if (typeof scores !== "object") throw noAnswer("failed", "its reply has no answer");
  return {
    scores: distributionOf(labels, Object.entries(fieldsOf(scores))),
    model: modelNameOf(`${model}:${version}`, rung.model),
    inputTokens: null,
  };
}
