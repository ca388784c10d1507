import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { dayMs } from "#scripts/replay/days.ts";
import { play } from "#scripts/replay/play.ts";
import { openBrowser, openConsole, sights } from "../helpers/browser.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { temporaryLadder } from "../journeys/ladder.ts";

const weather = exampleRecipe("weather");
const storefront = exampleRecipe("storefront");

/** Output folder of the screenshots: npm run screens. */
const folder = process.env.SCREENSHOTS as string;
const isSkipped = (await chromiumHere()) === undefined;
const shared = process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../shared");
/** A year of 49 weather stations if the data is available, else a few days of the example's shops. */
const hasWeather = existsSync(join(shared, "data/weather-aus/weather-aus.csv.gz"));
const shown = hasWeather ? weather : storefront;
const [from, to, teachFrom] = hasWeather
  ? ["2018-01-01", "2019-01-15", "2016-12-01"]
  : ["2025-07-01", "2025-07-03", "2025-04-01"];
const region = hasWeather ? "Katherine" : "monsoon";

let ladder: LocalLadder & { folder: string };
let browser: Browser;

beforeAll(async () => {
  if (isSkipped) return;
  await mkdir(folder, { recursive: true });
  ladder = await temporaryLadder({ recipe: storefront.name });
  const { edge: url, tokens } = ladder.credentials;
  // A client without the check against the OpenAPI document, since there are many thousand answers.
  const client = new UpriverClient({ url, token: tokens.admin });
  if (hasWeather) {
    const { id } = await client.startTraining(weather.name, { reason: "first", canary: null, gate: false });
    for (let training = await client.training(weather.name, id); training.endedAt === null; ) {
      training = await client.training(weather.name, id, { waitSeconds: 60 });
    }
  }
  const rows = await shown.load({});
  const times = {
    from: Date.parse(from as string),
    to: Date.parse(to as string) + dayMs - 1,
    teachFrom: Date.parse(teachFrom as string),
  };
  await play(client, shown, rows, { ...times, onProgress: () => {}, learnsAbove: false });
  // Unusual questions that no rung accepts, for the review page.
  const { examples } = await client.model(storefront.name);
  const strange = { ...(examples[1] as Record<string, unknown>), temperature: 47, rainMm: 60 };
  const asked = Array.from({ length: 12 }, (_, hour) => ({ ...strange, hour, minutesOnPage: hour * 3 }));
  await client.askMany(storefront.name, asked as Parameters<UpriverClient["askMany"]>[1]);
  browser = await openBrowser();
}, 900_000);
afterAll(async () => {
  await browser?.close();
  await ladder?.stop();
});

describe.skipIf(isSkipped)(
  `screenshots of every page, from a ladder that replayed ${shown.name} (skipped where there is no Chromium)`,
  () => {
    const pages = {
      overview: "overview",
      regions: `regions/${shown.name}`,
      region: `regions/${shown.name}/${region}`,
      questions: `questions/${shown.name}`,
      data: `data/${shown.name}`,
      models: `models/${shown.name}`,
      alerts: `alerts/${shown.name}`,
      access: "access",
      review: `review/${storefront.name}`,
      try: `try/${shown.name}`,
      "no-such-region": `regions/${shown.name}/nowhere`,
    };
    for (const sight of sights) {
      for (const [name, path] of Object.entries(pages)) {
        it(`${name}, ${sight.name}`, async () => {
          const { edge, tokens } = ladder.credentials;
          const { page, check } = await openConsole(browser, { edge, token: tokens.admin, sight, path });
          await page.waitForSelector("main h1, main [role=alert]");
          await page.waitForFunction(() => document.querySelector(".loading") === null);
          if (name === "try") {
            await (await page.waitForSelector("form button.primary"))?.click();
            await page.waitForSelector(".result");
          }
          // Rates need two polls.
          if (name === "overview") await new Promise((resolve) => setTimeout(resolve, 4_500));
          await page.screenshot({ path: join(folder, `${name}-${sight.name}.png`), fullPage: true });
          expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
          check();
          await page.browserContext().close();
        });
      }
    }

    it("training report in its frame", async () => {
      const { edge, tokens } = ladder.credentials;
      const { page, check } = await openConsole(browser, { edge, token: tokens.admin, path: `models/${shown.name}` });
      await (await page.waitForSelector('::-p-aria(Report[role="button"])'))?.click();
      const frame = await (await page.waitForSelector("dialog[open] iframe"))?.contentFrame();
      await frame?.waitForSelector("svg");
      await page.screenshot({ path: join(folder, "report.png") });
      check();
    });

    it("overview while the edge does not answer, with the last figures", async () => {
      const { edge, tokens } = ladder.credentials;
      const { page } = await openConsole(browser, { edge, token: tokens.admin, path: "overview" });
      await page.waitForSelector("[data-rung]");
      await page.setOfflineMode(true);
      await page.waitForSelector('[role="alert"]', { timeout: 30_000 });
      expect(await page.$("[data-rung]")).not.toBeNull();
      await page.screenshot({ path: join(folder, "overview-unreachable.png"), fullPage: true });
      await page.setOfflineMode(false);
      await page.waitForFunction(() => document.querySelector('[role="alert"]') === null, { timeout: 30_000 });
    });
  },
);
