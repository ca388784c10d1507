import { answersSchema } from "../../contract/index.ts";
import type { Asked, Scored, Send } from "./adapter.ts";
import { distributionOf, modelNameOf } from "./distribution.ts";
import { noAnswer } from "./transport.ts";

/** Asks another's node by our own protocol. Its rule accepts for its own callers: here its scores count as any other's. */
export async function askOwnProtocol({ rung, labels, question, hop }: Asked, send: Send): Promise<Scored> {
  const { id, region, instance, at } = question;
  const body = { questions: [{ id, region, instance, at }], remainingMs: hop.remainingMs, via: hop.via };
  const reply = answersSchema.safeParse(await send(`/v1/models/${encodeURIComponent(rung.model)}/ask`, body));
  const answer = reply.success ? reply.data.answers[0] : undefined;
  if (!answer) throw noAnswer("failed", "its reply has no answer");
  return {
    scores: distributionOf(labels, Object.entries(answer.scores)),
    model: modelNameOf(`${answer.model}:${answer.version}`, rung.model),
    inputTokens: null,
  };
}
