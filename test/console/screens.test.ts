import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openConsole, sights } from "../helpers/browser.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { temporaryLadder } from "../journeys/ladder.ts";
import { type Shot, shotsOf } from "./shots.ts";
import { fillLadder, modelsShown } from "./shown-ladder.ts";

/** Output folder of the screenshots: npm run screens. */
const folder = process.env.SCREENSHOTS as string;
const isSkipped = (await chromiumHere()) === undefined;
const demo = { recipe: "storefront", regions: ["ridge", "tundra"], rounds: 26, seconds: 0 };

let ladder: Awaited<ReturnType<typeof temporaryLadder>>;
/** Serves no model. */
let empty: Awaited<ReturnType<typeof temporaryLadder>>;
let shots: Map<string, Shot>;
let browser: Browser;

beforeAll(async () => {
  if (isSkipped) return;
  await mkdir(folder, { recursive: true });
  [ladder, empty] = await Promise.all([temporaryLadder({ demo }), temporaryLadder()]);
  shots = new Map(shotsOf(await fillLadder(ladder)).map((shot) => [shot.name, shot]));
  browser = await openBrowser();
}, 900_000);
afterAll(async () => {
  await browser?.close();
  await Promise.all([ladder?.stop(), empty?.stop()]);
});

describe.skipIf(isSkipped)(
  `screenshots of every page, with ${modelsShown.join(", ")} (skipped where there is no Chromium)`,
  () => {
    const names = shotsOf({ models: modelsShown.map((model) => ({ model, region: "", question: "" })) });
    describe.each(sights)("$name", (sight) => {
      it.each(names)("$name", async ({ name }) => {
        const { path, act, isDialog = false, isEmpty = false } = shots.get(name) as Shot;
        const { edge, tokens } = (isEmpty ? empty : ladder).credentials;
        const { page, check } = await openConsole(browser, { edge, token: tokens.admin, sight, path });
        const isLoaded = () =>
          page.waitForFunction(
            () => document.querySelector("main h1, main .empty") && !document.querySelector(".loading"),
          );
        await isLoaded();
        await act?.(page);
        await isLoaded();
        await page.screenshot({ path: join(folder, `${name}-${sight.name}.png`), fullPage: !isDialog });
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
        check();
        await page.browserContext().close();
      });
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
