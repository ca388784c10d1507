import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { dayMs } from "#scripts/replay/days.ts";
import { play } from "#scripts/replay/play.ts";
import type { ReplayReport } from "#scripts/replay/report.ts";
import { openBrowser, openConsole } from "../helpers/browser.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { temporaryLadder } from "./ladder.ts";

const storefront = exampleRecipe("storefront");

const times = { from: Date.parse("2025-07-01"), to: Date.parse("2025-07-16") + dayMs - 1 };

let ladder: Awaited<ReturnType<typeof temporaryLadder>>;
let client: UpriverClient;
let playing: Promise<ReplayReport>;
let browser: Browser | null = null;
let page: Page | null = null;

beforeAll(async () => {
  ladder = await temporaryLadder({ recipe: storefront.name });
  const { edge: url, tokens } = ladder.credentials;
  // Not checked against the OpenAPI document: there are thousands of answers.
  client = new UpriverClient({ url, token: tokens.admin });
  if (await chromiumHere()) {
    browser = await openBrowser();
    ({ page } = await openConsole(browser, { edge: url, token: tokens.admin, path: "ladder" }));
    await page.waitForSelector("[data-rung]");
  }
  const teachFrom = Date.parse("2025-06-24");
  playing = play(client, storefront, await storefront.load({}), { ...times, teachFrom, onProgress: () => {} });
});
afterAll(async () => {
  await browser?.close();
  await ladder?.stop();
});

it("the count in the console moves while a replay runs", async (context) => {
  if (!page) return context.skip("no Chromium here; CHROME_PATH names one");
  const seen = new Set<number>();
  const values = async () => seen.add(await shown(page as Page, "questions")).size;
  // A fast machine replays all between two looks of the console.
  await expect.poll(values, { timeout: 120_000 }).toBeGreaterThan(1);
  expect([...seen]).toEqual([...seen].toSorted((a, b) => a - b));
});

it("a replay, the ladder, the metrics and the console agree to the last question", async () => {
  const { answered, questions } = await playing;
  const above = async () => {
    const [model] = (await client.ladder()).models;
    return { questions: model?.questions, rungs: new Map(model?.rungs.map((rung) => [rung.rung, rung])) };
  };
  // The regions report every few seconds: which rung answered, and what is left to a person.
  const fromOrigin = async () => (await above()).rungs.get("origin")?.answered;
  await expect.poll(fromOrigin, { timeout: 60_000 }).toBe(answered.origin);
  const now = await above();
  expect(now.rungs.get("region")?.answered).toBe(answered.region);
  expect(now.rungs.get("human")?.asked).toBe(answered.human);
  // The isolates of the edge report what they counted every few seconds.
  await expect.poll(async () => (await above()).questions).toBe(questions);
  const later = await above();
  expect(later.rungs.get("edge")).toMatchObject({ asked: questions, answered: answered.edge });
  expect(later.rungs.get("human")?.asked).toBe(answered.human);

  const metrics = await client.metrics();
  const sumOf = (name: string, label = "") =>
    metrics
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  expect(sumOf("upriver_questions_total")).toBe(questions);
  expect(sumOf("upriver_answers_total", 'rung="edge"')).toBe(answered.edge);
  expect(sumOf("upriver_answers_total", 'rung="origin"')).toBe(answered.origin);
  expect(sumOf("upriver_escalated_total")).toBe(questions - answered.edge);

  if (!page) return;
  await expect.poll(() => shown(page as Page, "questions")).toBe(questions);
  expect(await shown(page, "edge-answered")).toBe(answered.edge);
  expect(await shown(page, "origin-answered")).toBe(answered.origin);
  expect(await shown(page, "human-asked")).toBe(answered.human);
});

function shown(from: Page, what: string): Promise<number> {
  return from.$eval(`[data-count="${storefront.name}-${what}"]`, (node) =>
    Number(node.textContent?.replaceAll(",", "")),
  );
}
