import type { Browser } from "puppeteer-core";
import type { DeviceAnswer } from "#client/device/index.ts";
import { exampleRecipe, type Row } from "#origin/recipes/index.ts";
import type { DeviceServer } from "../local/device-server.ts";
import { DeviceTab } from "../local/device-tab.ts";
import type { LocalLadder } from "../local/ladder.ts";

/** Where a device is played. */
export interface Place {
  ladder: LocalLadder;
  server: DeviceServer;
  browser: Browser;
}

/** How many of the questions that were asked offline were accepted, escalated, delivered and right. */
export interface Offline {
  questions: number;
  region: string;
  accepted: number;
  acceptedRight: number;
  /** Right among all answers of the device, provisional ones included. */
  right: number;
  escalated: number;
  /** Escalated questions that the edge replied to exactly once. */
  delivered: number;
  /** Escalated questions that are stored above. */
  stored: number;
  byOrigin: number;
  /** Right with the final answers that have arrived. */
  finalRight: number;
}

const model = "storefront";
const readIds = 256;
const sentWithinMs = 300_000;

/** Asks offline, with a reload and a closed tab in between; then lets the device send what waits. */
export async function playOffline({ ladder, server, browser }: Place, questions: number): Promise<Offline> {
  const rows = await laterRows(questions);
  const region = rows[0]?.region as string;
  const options = { url: server.url, token: ladder.credentials.tokens.ask, model, region };
  const [first, second] = [0.4, 0.7].map((share) => Math.round(share * questions)) as [number, number];
  const of = (from: number, to: number) => rows.slice(from, to).map(({ instance }) => instance);
  const before = await DeviceTab.open(browser, options);
  server.setCut(true);
  const answers = await before.ask(of(0, first));
  await before.reload();
  answers.push(...(await before.ask(of(first, second))));
  await before.page.close();
  const after = await DeviceTab.open(browser, options);
  answers.push(...(await after.ask(of(second, questions))));
  server.setCut(false);
  const until = Date.now() + sentWithinMs;
  while ((await after.state()).waiting > 0 && Date.now() < until) await new Promise((done) => setTimeout(done, 500));
  const open = answers.filter(({ status }) => status === "open");
  const stored = await storedAbove(ladder, open);
  const final = new Map(stored.filter(({ status }) => status === "answered").map((answer) => [answer.id, answer]));
  while ((await after.finals()).length < final.size && Date.now() < until) {
    await new Promise((done) => setTimeout(done, 500));
  }
  const came = new Map((await after.finals()).map((answer) => [answer.id, answer]));
  await after.page.close();
  const isRight = (answer: Pick<DeviceAnswer, "label">, i: number) => answer.label === rows[i]?.label;
  return {
    ...{ questions: rows.length, region },
    accepted: answers.filter(({ accepted }) => accepted).length,
    acceptedRight: answers.filter((answer, i) => answer.accepted && isRight(answer, i)).length,
    right: answers.filter(isRight).length,
    escalated: open.length,
    delivered: open.filter(({ id }) => server.delivered.get(id) === 1).length,
    stored: stored.length,
    byOrigin: final.size,
    finalRight: answers.filter((answer, i) => isRight(came.get(answer.id) ?? answer, i)).length,
  };
}

/** The rows after those that the model was trained on, of the region that has most of them. */
async function laterRows(limit: number): Promise<Row[]> {
  const recipe = exampleRecipe(model);
  const cut = Date.parse(recipe.trainBefore as string);
  const later = (await recipe.load({})).filter(({ at }) => at >= cut);
  const groups = [...Map.groupBy(later, ({ region }) => region).values()];
  const most = groups.sort((a, b) => b.length - a.length)[0] ?? [];
  if (most.length < limit) throw new Error(`There are ${most.length} rows of one region: ask fewer with --questions.`);
  return most.slice(0, limit);
}

async function storedAbove(ladder: LocalLadder, open: readonly DeviceAnswer[]): Promise<DeviceAnswer[]> {
  const { edge, tokens } = ladder.credentials;
  const headers = { authorization: `Bearer ${tokens.ask}`, "content-type": "application/json" };
  const stored: DeviceAnswer[] = [];
  for (let from = 0; from < open.length; from += readIds) {
    const ids = open.slice(from, from + readIds).map(({ id }) => id);
    const reply = await fetch(`${edge}/v1/answers`, { method: "POST", headers, body: JSON.stringify({ ids }) });
    stored.push(...((await reply.json()) as { answers: DeviceAnswer[] }).answers);
  }
  return stored;
}
