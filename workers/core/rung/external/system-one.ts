import type { Asked, Scored, Send } from "./adapter.ts";
import { distributionOf, modelNameOf, tokensOf } from "./distribution.ts";
import { optionsMax } from "./ladder.ts";
import { instructionsOf, optionsOf, stateOf } from "./prompt.ts";
import { fieldsOf, noAnswer } from "./transport.ts";

/** The id of the one question of a request; ids must not influence answers. */
const id = "q";

/** Asks by System One: one choice among all labels. */
export async function askSystemOne(asked: Asked, send: Send): Promise<Scored> {
  const { rung, labels } = asked;
  return readSystemOne(asked, await send("/v1/systemone", systemOneBody(asked, rung.model)), labels);
}

/** Asks a decision model of Workers AI. It takes the same body, with the short name of the model. */
export async function askWorkersAi(asked: Asked, send: Send): Promise<Scored> {
  const { rung, labels } = asked;
  const short = rung.model.split("/").at(-1) as string;
  const reply = fieldsOf(await send(rung.model, systemOneBody(asked, short)));
  // Its HTTP interface has an envelope, its binding none.
  if ("success" in reply && reply.success !== true) throw noAnswer("failed", "it reports no success");
  return readSystemOne(asked, "success" in reply ? reply.result : reply, labels);
}

function systemOneBody({ rung, labels, question }: Asked, model: string) {
  if (labels.length > optionsMax) throw noAnswer("rejected", `it takes ${optionsMax} labels at most`);
  const criteria = Object.fromEntries(optionsOf(rung, labels).map(({ value, description }) => [value, description]));
  const choice = { type: "choice", instructions: instructionsOf(rung), criteria };
  return { model, state: stateOf(question.instance), questions: { [id]: choice } };
}

function readSystemOne({ rung }: Asked, reply: unknown, labels: readonly string[]): Scored {
  const { answers, model, usage } = fieldsOf(reply);
  const { type, probabilities } = fieldsOf(fieldsOf(answers)[id]);
  if (type !== "choice") throw noAnswer("failed", "it does not answer the question");
  return {
    scores: distributionOf(labels, Object.entries(fieldsOf(probabilities))),
    model: modelNameOf(model, rung.model),
    inputTokens: tokensOf(fieldsOf(usage).input_tokens),
  };
}
