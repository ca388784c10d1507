import { existsSync } from "node:fs";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { Answer, TrainingOrder } from "#core/contract/index.ts";
import { exampleRecipe, openRecipe, type Recipe } from "#origin/recipes/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { dayMs } from "#scripts/replay/days.ts";
import { play } from "#scripts/replay/play.ts";
import { testModel } from "../helpers/model.ts";
import { sdkModels } from "../helpers/sdk-models.ts";
import { publishOn } from "../journeys/ladder.ts";
import { longMessage, writeTickets } from "./tickets.ts";

const shared = process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../shared");
/** Whether the data of the weather stations is here. */
const hasWeather = existsSync(join(shared, "data/weather-aus/weather-aus.csv.gz"));

/** The models that are shown. */
export const modelsShown: readonly string[] = [...(hasWeather ? ["weather"] : []), "storefront", "tickets"];

/** What the pictures show: the models, a region and a question of each. */
export interface Shown {
  models: { model: string; region: string; question: string }[];
}

/**
 * Fills a ladder with what an operator sees after some months: storefront with an earlier version to return to,
 * tickets (texts) with a canary, pictures without a question, and weather with a year of 49 stations where its data is.
 */
export async function fillLadder(ladder: LocalLadder & { folder: string }): Promise<Shown> {
  const { edge: url, tokens } = ladder.credentials;
  // A client without the check against the OpenAPI document, since there are many thousand answers.
  const client = new UpriverClient({ url, token: tokens.admin });
  await writeTickets(ladder.folder);
  const tickets = await openRecipe("tickets", ladder.folder);
  const storefront = exampleRecipe("storefront");

  if (hasWeather) {
    const weather = exampleRecipe("weather");
    await train(client, "weather", { reason: "first", canary: null, gate: false });
    await replay(client, weather, "2018-01-01", "2019-01-15", "2016-12-01");
  }
  await train(client, "storefront", { reason: "first", before: "2024-06-01", canary: null, gate: false });
  await replay(client, storefront, "2025-07-01", "2025-07-03", "2025-04-01");
  await train(client, "storefront", { canary: null, gate: false });
  await train(client, "tickets", { reason: "first", before: "2025-02-01", canary: null, gate: false });
  await replay(client, tickets, "2025-04-01", "2025-06-30", "2025-03-01");
  // The last one: its training goes on while the canary is watched.
  await train(client, "tickets", { canary: { share: 0.1 }, gate: false });
  await replay(client, tickets, "2025-07-01", "2025-08-20", "2025-07-01");
  const models = [
    { model: "storefront", region: "monsoon", question: await strange(client) },
    { model: "tickets", region: "osaka", question: await long(client) },
  ];
  if (hasWeather) {
    const { questions } = await client.questionPage("weather", { region: "Katherine", limit: 1 });
    models.unshift({ model: "weather", region: "Katherine", question: questions[0]?.id as string });
  }
  const pictures = sdkModels.find(({ model }) => model === "pictures");
  await publishOn(ladder, await testModel(pictures));
  await client.createToken({ id: "checkout-service-of-the-shop-in-northern-europe", scopes: ["ask", "teach"] });
  await client.createToken({ id: "visitor", scopes: ["ask"] });
  await client.revokeToken("visitor");
  await client.addWebhook("tickets", { url: "http://127.0.0.1:9/alerts", form: "json" });
  return { models };
}

async function train(client: UpriverClient, model: string, order: Partial<TrainingOrder>): Promise<void> {
  const { id } = await client.startTraining(model, order);
  for (let training = await client.training(model, id); training.endedAt === null && training.step !== "watch"; ) {
    training = await client.training(model, id, { waitSeconds: 5 });
  }
}

async function replay(client: UpriverClient, recipe: Recipe, from: string, to: string, teachFrom: string) {
  const times = { from: Date.parse(from), to: Date.parse(to) + dayMs - 1, teachFrom: Date.parse(teachFrom) };
  await play(client, recipe, await recipe.load({}), { ...times, onProgress: () => {}, learnsAbove: false });
}

/** Asks unusual questions that no rung accepts. */
async function strange(client: UpriverClient): Promise<string> {
  const { examples } = await client.model("storefront");
  const example = { ...(examples[1] as Record<string, unknown>), temperature: 47, rainMm: 60 };
  const asked = Array.from({ length: 12 }, (_, hour) => ({ ...example, hour, minutesOnPage: hour * 3 }));
  return openOf(await client.askMany("storefront", asked as Parameters<UpriverClient["askMany"]>[1]));
}

async function long(client: UpriverClient): Promise<string> {
  const texts = [longMessage, "refund parcel password", "renewal of the invoice of my parcel"];
  const asked = texts.map((message) => ({ message, office: "osaka" }));
  return openOf(await client.askMany("tickets", asked));
}

function openOf(answers: Answer[]): string {
  return (answers.find(({ status }) => status === "open") ?? answers[0])?.id as string;
}
