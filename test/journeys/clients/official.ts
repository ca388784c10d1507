// The official clients of decision models. Only the URL and the key differ between servers.
import { createOpenAI } from "@ai-sdk/openai";
import { createTypeSafeAi } from "@ai-sdk/typesafe-ai";
import { choice, noul, TypeSafeClient } from "@typesafe-ai/sdk";
import { experimental_decide as decide } from "ai";
import OpenAI from "openai";
import type { Server, Verdict } from "./by-hand.ts";

const desks = { account: "Passwords and profiles", billing: "Invoices and refunds", delivery: "Late or lost parcels" };
const model = "tickets";

/** TypeSafe's client of System One. */
export async function byTypeSafe({ url, key }: Server, ticket: string): Promise<Verdict> {
  const client = new TypeSafeClient({ apiKey: key, baseURL: url });
  const questions = { desk: choice("Which desk should answer?", desks), billing: noul("billing") };
  const { answers } = await client.systemOne({ model, state: ticket, questions });
  return { desk: answers.desk.choice, probabilities: answers.desk.probabilities, isBilling: answers.billing.noul };
}

/** OpenAI's client of Decisions. */
export async function byOpenAi({ url, key }: Server, ticket: string): Promise<Verdict> {
  const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1` });
  const { answers } = await client.decisions.create({
    model: model as never,
    input: ticket,
    questions: [
      {
        ...{ type: "choice", name: "desk", instructions: "Which desk should answer?" },
        choices: Object.entries(desks).map(([value, description]) => ({ value, description })),
      },
      { type: "predicate", name: "billing", instructions: "billing" },
    ],
  });
  const [desk, billing] = answers;
  if (desk?.type !== "choice" || billing?.type !== "predicate") throw new Error("other answers than the questions");
  const probabilities = Object.fromEntries(desk.probabilities.map(({ value, probability }) => [value, probability]));
  return { desk: desk.choice as string, probabilities, isBilling: billing.probability };
}

const questions = {
  desk: { type: "choice", instructions: "Which desk should answer?", criteria: desks },
  billing: { type: "boolean", instructions: "billing" },
} as const;

/** The AI SDK with the provider of System One. It refuses distributions that do not sum to 1. */
export async function byAiSdkTypeSafe({ url, key }: Server, ticket: string): Promise<Verdict> {
  const provider = createTypeSafeAi({ apiKey: key, baseURL: `${url}/v1` });
  return verdictOf(await decide({ model: provider.evaluationModel(model) as never, state: ticket, questions }));
}

/** The AI SDK with the provider of OpenAI Decisions. */
export async function byAiSdkOpenAi({ url, key }: Server, ticket: string): Promise<Verdict> {
  const provider = createOpenAI({ apiKey: key, baseURL: `${url}/v1` });
  return verdictOf(await decide({ model: provider.decisionModel(model as never), state: ticket, questions }));
}

function verdictOf({ answers }: Awaited<ReturnType<typeof decide<typeof questions>>>): Verdict {
  const { desk, billing } = answers;
  return { desk: desk.choice, probabilities: desk.probabilities ?? {}, isBilling: billing.probability };
}

/** OpenAI's client of chat completions, which Upriver does not speak. */
export async function byOpenAiChat({ url, key }: Server, ticket: string): Promise<string> {
  const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1` });
  const names = Object.keys(desks);
  const schema = { type: "object", properties: { desk: { type: "string", enum: names } }, required: ["desk"] };
  const { choices } = await client.chat.completions.create({
    model,
    messages: [
      { role: "system", content: "Pick the desk." },
      { role: "user", content: ticket },
    ],
    response_format: { type: "json_schema", json_schema: { name: "pick", strict: true, schema } },
  });
  return (JSON.parse(choices[0]?.message.content ?? "{}") as { desk: string }).desk;
}
