import type { Asked, Scored, Send } from "./adapter.ts";
import { distributionOf, modelNameOf, tokensOf } from "./distribution.ts";
import { optionsMax } from "./ladder.ts";
import { instructionsOf, optionsOf, textOf } from "./prompt.ts";
import { fieldsOf, noAnswer } from "./transport.ts";

const name = "q";

/** Asks by OpenAI Decisions: one choice among all labels. A refusal is no opinion. */
export async function askOpenAiDecisions({ rung, labels, question }: Asked, send: Send): Promise<Scored> {
  if (labels.length > optionsMax) throw noAnswer("rejected", `it takes ${optionsMax} labels at most`);
  const choices = optionsOf(rung, labels).map(({ value, description }) =>
    description === null ? { value } : { value, description },
  );
  const choice = { type: "choice", name, instructions: instructionsOf(rung), choices };
  const body = { model: rung.model, input: textOf(question.instance), questions: [choice] };
  const { answers, model, usage } = fieldsOf(await send("/v1/decisions", body));
  const answer = fieldsOf(Array.isArray(answers) ? answers[0] : null);
  if (answer.type === "refusal") throw noAnswer("declined", "it refuses this question");
  if (answer.type !== "choice" || answer.name !== name || !Array.isArray(answer.probabilities)) {
    throw noAnswer("failed", "it does not answer the question");
  }
  const given = answer.probabilities.map((one) => {
    const { value, probability } = fieldsOf(one);
    return [typeof value === "string" ? value : "", probability] as const;
  });
  return {
    scores: distributionOf(labels, given),
    model: modelNameOf(model, rung.model),
    inputTokens: tokensOf(fieldsOf(usage).input_tokens),
  };
}
