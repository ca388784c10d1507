import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import { encode as encodePng } from "fast-png";
import type { Browser, Page } from "puppeteer-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#client/index.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { freePort } from "#scripts/local/ports.ts";
import { openBrowser, openConsole, sights } from "../helpers/browser.ts";
import { customRows } from "../helpers/custom-rows.ts";
import { currentStop, namesFlag, startWalk, tabTo, unreached, walk, watchListeners } from "../helpers/keyboard.ts";
import { testModel, testNumber } from "../helpers/model.ts";
import { originModels } from "../helpers/origin-models.ts";
import { sdkModels, sdkPixels } from "../helpers/sdk-models.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { publishOn, temporaryLadder } from "../journeys/ladder.ts";

const isSkipped = (await chromiumHere()) === undefined;
/** The pages that are checked for accessibility, with their headings. */
const pages = {
  overview: "Overview",
  demo: "Demo",
  "overview?range=live": "Overview",
  "regions/queue": "Regions of queue",
  "regions/queue/north": "north",
  "questions/queue": "Questions of queue",
  "data/queue": "Data of queue",
  "models/moved": "moved",
  "alerts/easy": "Alerts of easy",
  "review/queue": "Review queue",
  access: "Access",
  "try/easy": "Ask easy",
  "try/pictures": "Ask pictures",
};
const reviewed = 40;
/** As that of npm start, of two regions and without pauses. */
const demo = { recipe: "storefront", regions: ["ridge", "tundra"], rounds: 26, seconds: 0 };

let ladder: Awaited<ReturnType<typeof temporaryLadder>>;
let browser: Browser;

beforeAll(async () => {
  if (isSkipped) return;
  [ladder, browser] = await Promise.all([temporaryLadder({ recipe: demo.recipe, demo }), openBrowser([namesFlag])]);
  const { open, easy } = originModels;
  // A model for each test, so that they can run at the same time.
  const others = {
    ...{ queue: open, undecided: open, corrected: open, overtaken: open, followed: open, found: open },
    ...{ narrowed: open, doubted: open, asked: easy, typed: { ...open, number: testNumber } },
  };
  const models = [...sdkModels, ...Object.entries(others).map(([model, options]) => ({ model, ...options }))];
  await Promise.all(models.map(async (options) => publishOn(ladder, await testModel(options))));
  await publishOn(ladder, await testedModel("moved", { version: 1, accuracy: 0.9 }));
  await publishOn(ladder, await testedModel("keyed", { version: 1, accuracy: 0.9, ...open }));
  await publishOn(ladder, await testedModel("keyed", { version: 2, accuracy: 0.8 }), null);
  await ladder.client("ask").askMany(
    "keyed",
    [0, 1].map((x0) => ({ region: "south", x0, x1: 1, x2: 1, x3: 2 })),
  );
});
afterAll(async () => {
  await browser?.close();
  await ladder?.stop();
});

/** Makes a version that was tested on 1,000 questions. */
async function testedModel(
  model: string,
  { version, accuracy, ...options }: { version: number; accuracy: number } & typeof originModels.open,
) {
  const { manifest, blobs } = await testModel({ ...originModels.easy, ...options, model, version, seed: 4 + version });
  const { thin } = (manifest as ClassifyManifest).metrics;
  const metrics = { thin: { ...thin, n: 1_000, accuracy }, full: null };
  return { manifest: { ...manifest, metrics } as ClassifyManifest, blobs };
}

async function open(path = "", sight = sights[0] as (typeof sights)[number], scope: "admin" | "review" = "admin") {
  const { edge, tokens } = ladder.credentials;
  const { page, check } = await openConsole(browser, { edge, token: tokens[scope], sight, path });
  /** Throws the errors that the page logged, and closes it: it would go on polling. */
  const end = async () => {
    check();
    await page.browserContext().close();
  };
  return { page, check, end };
}

/** Opens a page on which all that a mouse can use is noted. */
async function openByKeys(path = "overview") {
  const opened = await open(path);
  await watchListeners(opened.page);
  await opened.page.reload({ waitUntil: "load" });
  await opened.page.waitForSelector("main h1");
  return opened;
}

/** Waits until the page has a heading, and all that it loads. */
function shows(page: Page, heading: string): Promise<unknown> {
  return page.waitForFunction(
    (wanted) =>
      document.querySelector("main h1")?.textContent === wanted && document.querySelector(".loading") === null,
    { polling: 50 },
    heading,
  );
}

/** Walks through the page by Tab. Returns what is wrong with its stops, and what it does not reach. */
async function faultsOf(page: Page): Promise<string[]> {
  const stops = await walk(page);
  const faults = stops.flatMap(({ text, faults }) => faults.map((fault) => `${text} ${fault}`));
  const missed = (await unreached(page)).map((text) => `${text} is not reached`);
  return [...faults, ...missed];
}

/** Opens a dialog by its button's key, checks that Tab stays in it, and that Escape closes it and returns to the button. */
async function cancels(page: Page, name: string | RegExp): Promise<void> {
  const button = await tabTo(page, name);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  // After its last stop the focus leaves for the browser's own buttons, from which the next Tab comes back, a moment later.
  let stop = await currentStop(page);
  for (let n = 0; n < 8 || stop === null; n++) {
    await page.keyboard.press("Tab");
    if (stop === null) await pause(150);
    stop = await currentStop(page);
    expect([stop?.text, stop?.faults ?? []]).toEqual([(await currentStop(page, "dialog[open]"))?.text, []]);
  }
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("dialog[open]") === null);
  expect((await currentStop(page))?.name).toBe(button.name);
}

/** Waits until the page shows a text. */
function says(page: Page, text: string, timeout = 30_000): Promise<unknown> {
  return page.waitForFunction((wanted) => document.body.textContent.includes(wanted), { timeout, polling: 50 }, text);
}

async function press(page: Page, name: string): Promise<void> {
  const button = await page.waitForSelector(`::-p-aria(${name}[role="button"])`);
  await button?.click();
}

function number(page: Page, name: string): Promise<number> {
  return page.$eval(`[data-count="${name}"]`, (node) => Number(node.textContent?.replaceAll(",", "")));
}

describe.skipIf(isSkipped)(
  "the console in a real browser (skipped where there is no Chromium; CHROME_PATH names one)",
  () => {
    it.concurrent("loads at most 120 KB of JavaScript, gzipped, and as much again for a device", async ({ expect }) => {
      const folder = join(import.meta.dirname, "../../workers/console/dist/console");
      const sizeOf = async (name: string) => gzipSync(await readFile(join(folder, name))).length;
      const page = await readFile(join(folder, "index.html"), "utf8");
      expect([...page.matchAll(/src="([^"]+)"/g)].map(([, script]) => script)).toEqual(["/console/console.js"]);
      expect(await sizeOf("console.js")).toBeLessThan(120_000);
      expect((await sizeOf("device.js")) + (await sizeOf("device-worker.js"))).toBeLessThan(120_000);
    });

    it.concurrent("runs only its own script and connects only to its own deployment", async ({ expect }) => {
      const { headers } = await fetch(`${ladder.credentials.edge}/console/`);
      const policy = headers.get("content-security-policy") ?? "";
      for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
        expect(policy).toContain(part);
      }
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    });

    it.concurrent("asks for a token, keeps it out of the address and reports a wrong one", async ({ expect }) => {
      const { edge, tokens } = ladder.credentials;
      const page = await (await browser.createBrowserContext()).newPage();
      await page.goto(`${edge}/console`);
      await page.type("input", "no-such-token");
      await press(page, "Sign in");
      await page.waitForSelector('[role="alert"]');
      await page.$eval("input", (input) => (input.value = ""));
      await page.type("input", tokens.admin);
      await press(page, "Sign in");
      await says(page, "Overview");
      expect(page.url()).not.toContain(tokens.admin);
      await press(page, "Sign out");
      await says(page, "API token of this deployment");
      const linked = await open();
      expect(linked.page.url()).not.toContain(tokens.admin);
      await linked.end();
    });

    it.concurrent("shows only the pages that the token's scopes allow", async ({ expect }) => {
      const { page, end } = await open("", sights[0], "review");
      expect(await page.$$eval("header nav a", (links) => links.map(({ textContent }) => textContent))).toEqual([
        "Review",
        "Try it",
      ]);
      await page.goto(`${ladder.credentials.edge}/console/#/regions`);
      await says(page, "This token cannot open this page.");
      await end();
    });

    it.concurrent("counts questions while they are asked", async ({ expect }) => {
      const { page, end } = await open("overview");
      await page.waitForSelector('[data-count="easy-questions"]');
      const before = await number(page, "easy-questions");
      const models = () => page.$$eval('[id^="model-"]', (titles) => titles.map(({ textContent }) => textContent));
      const order = await models();
      const client = ladder.client("ask");
      const batch = (x1: number) =>
        Array.from({ length: 100 }, (_, n) => ({ region: "north", x0: n / 100, x1, x2: 1, x3: null }));
      await Promise.all([0, 1, 2, 3, 4].map((x1) => client.askMany("easy", batch(x1))));
      await page.waitForFunction(
        (wanted) =>
          Number(document.querySelector('[data-count="easy-edge-answered"]')?.textContent?.replaceAll(",", "")) ===
          wanted,
        { timeout: 30_000 },
        before + 500,
      );
      expect(await number(page, "easy-questions")).toBe(before + 500);
      // What has the focus, or is read, stays where it is.
      expect(await models()).toEqual(order);
      await end();
    });

    it.concurrent("plays the demo: regions reach valid certificates, and the edge answers more", async ({ expect }) => {
      const { page, end } = await open("demo");
      await press(page, "Start the demo");
      await (await page.waitForSelector("dialog[open] .primary"))?.click();
      await says(page, "pending");
      // It goes on while another page is open.
      await page.evaluate(() => location.replace("#/alerts/storefront"));
      await says(page, "No webhook yet.");
      await page.evaluate(() => location.replace("#/demo"));
      await says(page, "Done.", 120_000);
      const told = await page.$eval('main [role="status"]', (node) => node.textContent ?? "");
      const [first = 1, last = 0] = [...told.matchAll(/([\d.]+)%/g)].map(([, share]) => Number(share));
      expect(last, told).toBeGreaterThan(first);
      expect(told).toMatch(/[12] of 2 regions have a valid certificate/);
      await says(page, "2,184 of 2,184 questions");
      await page.evaluate(axe.source);
      const { violations } = (await page.evaluate("axe.run(document)")) as axe.AxeResults;
      expect(violations.map(({ id }) => id)).toEqual([]);
      await end();
    });

    it.concurrent("skips, undoes and flags with one key each", async ({ expect }) => {
      const client = ladder.client("ask");
      const asked = await client.askMany(
        "undecided",
        [0, 1, 2].map((x0) => ({ region: "south", x0, x1: 1, x2: 1, x3: 2 })),
      );
      const { page, end } = await open("review/undecided");
      const front = async (not = "") => {
        const found = await page.waitForFunction(
          (before) => {
            const id = document.querySelector<HTMLElement>("[data-question]")?.dataset.question;
            return id !== undefined && id !== before && id;
          },
          { polling: 20 },
          not,
        );
        return (await found.jsonValue()) as string;
      };
      const first = await front();
      await page.keyboard.press("s");
      const second = await front(first);
      await page.keyboard.press("1");
      const third = await front(second);
      await page.keyboard.press("u");
      await says(page, "your answer: a");
      expect(await front(third)).toBe(second);
      await page.keyboard.press("2");
      await page.waitForFunction(
        (id) => document.querySelector<HTMLElement>("[data-question]")?.dataset.question !== id,
        {},
        second,
      );
      const flagged = await front(second);
      await page.keyboard.press("f");
      await page.keyboard.type("too blurred to say");
      await page.keyboard.press("Enter");
      await front(flagged);
      const labelOf = async (id: string): Promise<Answer> => {
        const found = asked.find((one) => one.id === id);
        return client.question(found?.id ?? "");
      };
      await expect.poll(async () => (await labelOf(second)).label).toBe("b");
      await expect.poll(async () => (await labelOf(flagged)).status).toBe("answered");
      expect(await labelOf(flagged)).toMatchObject({ accepted: false });
      expect(await ladder.client("review").flagged("undecided")).toMatchObject([
        { id: flagged, reason: "too blurred to say" },
      ]);
      await end();
    });

    it.concurrent("sends labels that may be wrong to review, where a person sees no proposal", async ({ expect }) => {
      const client = ladder.client("admin");
      const truths = customRows(120).map(({ instance, label }, i) => ({
        label: i < 3 ? ({ a: "b", b: "a" }[label] ?? label) : label,
        question: { region: "north", instance, id: `doubted~north~${i}` },
      }));
      await client.teachMany("doubted", { truths });
      await client.retrain("doubted", "north", { waitSeconds: 25 });
      const { page, end } = await open("data/doubted?region=north");
      await press(page, "Find suspects");
      await page.waitForSelector("[data-suspect]");
      const first = await page.$eval("[data-suspect]", (row) => row.getAttribute("data-suspect") as string);
      expect(truths.slice(0, 3).map(({ question }) => question.id)).toContain(first);
      await page.focus("[data-suspect] input");
      await page.keyboard.press("Space");
      await press(page, "Send 1 to review");
      await says(page, "1 sent; 1 of north wait for people.");
      await (await page.waitForSelector('[role="status"] a'))?.click();
      await page.waitForSelector(`[data-question="${first}"]`);
      await says(page, "None stored.");
      const wanted = truths.find(({ question }) => question.id === first)?.label === "a" ? "b" : "a";
      await page.keyboard.press(wanted === "a" ? "1" : "2");
      const label = async () =>
        (await client.samples("doubted")).lines.findLast((line) => "id" in line && line.id === first);
      await expect.poll(label).toMatchObject({ label: wanted, source: "truth" });
      expect((await client.suspects("doubted", "north")).suspects.map(({ id }) => id)).not.toContain(first);
      await end();
    });

    it.concurrent("takes a typed number as the answer, and shows numbers with their tolerance", async ({ expect }) => {
      const client = ladder.client("ask");
      const asked = await client.ask("typed", { region: "south", x0: 1, x1: 1, x2: 1, x3: 2 });
      const { page, end } = await open("review/typed");
      await page.waitForSelector(`[data-question="${asked.id}"]`);
      const field = await page.waitForSelector('input[type="number"]:not([disabled])');
      await field?.type("ab-3.5");
      await page.keyboard.press("Enter");
      await expect.poll(async () => (await client.question(asked.id)).label, { timeout: 30_000 }).toBe("-3.5");
      await end();
      const { page: asking, end: endAsking } = await open("try/typed");
      await press(asking, "Ask");
      await says(asking, "within 1");
      await says(asking, "90.0% of truths lie in such an interval");
      await endAsking();
    });

    it.concurrent("sends a correction after the answer it corrects, even when that answer is slow", async ({
      expect,
    }) => {
      const client = ladder.client("ask");
      const { id } = await client.ask("corrected", { region: "south", x0: 3, x1: 1, x2: 1, x3: 2 });
      const { page, end } = await open("review/corrected");
      await page.waitForSelector(`[data-question="${id}"]`);
      const sent: string[] = [];
      let finished = 0;
      await page.setRequestInterception(true);
      page.on("request", async (request) => {
        const isAnswer = request.url().endsWith("/answer");
        if (isAnswer && sent.push(request.postData() ?? "") === 1) await pause(1_000);
        await request.continue();
      });
      page.on("response", (response) => void (response.url().endsWith("/answer") && finished++));
      await page.keyboard.press("1");
      await page.keyboard.press("u");
      await says(page, "your answer: a");
      await page.keyboard.press("2");
      await expect.poll(() => [sent.length, finished]).toEqual([2, 2]);
      expect(sent.map((body) => JSON.parse(body))).toMatchObject([{ label: "a" }, { label: "b" }]);
      await expect.poll(async () => (await client.question(id)).label).toBe("b");
      await end();
    });

    it.concurrent("asks with some labels as candidates, and shows a person no other", async ({ expect }) => {
      const { page, end } = await open("try/narrowed");
      await says(page, "All labels are allowed");
      await page.click("details summary");
      for (const box of (await page.$$('fieldset input[type="checkbox"]')).slice(1)) await box.click();
      await says(page, "Only 2 of 3 labels are allowed");
      await press(page, "Ask");
      await says(page, "waiting for an answer");
      expect(await page.$$eval("[role=status] > .scores li", (rows) => rows.length)).toBe(2);
      await page.goto(`${ladder.credentials.edge}/console/#/review/narrowed`);
      const question = await page.waitForSelector("[data-question]");
      const id = await question?.evaluate((node) => (node as HTMLElement).dataset.question as string);
      const shown = await page.$$eval(".answers button", (buttons) => buttons.map(({ textContent }) => textContent));
      expect(shown).toEqual(["2 b", "3 c"]);
      await page.keyboard.press("1");
      await page.keyboard.press("3");
      const client = ladder.client("admin");
      await expect.poll(async () => (await client.question(id as string)).label).toBe("c");
      await end();
    });

    it.concurrent("drops a question that was answered elsewhere, says so and shows the next one", async ({
      expect,
    }) => {
      const client = ladder.client("ask");
      const asked = await client.askMany(
        "overtaken",
        [0, 1].map((x0) => ({ region: "south", x0, x1: 1, x2: 2, x3: 2 })),
      );
      const { page, end } = await open("review/overtaken");
      const front = () => page.$eval("[data-question]", (node) => (node as HTMLElement).dataset.question as string);
      await page.waitForFunction(() => document.querySelector(".tally")?.textContent?.includes("2 waiting"));
      const known = await front();
      await ladder.client("admin").teach(known, "c");
      await page.keyboard.press("1");
      await says(page, "There is no question");
      const next = await front();
      expect(next).toBe(asked.find(({ id }) => id !== known)?.id);
      await page.keyboard.press("2");
      await expect.poll(async () => (await client.question(next)).label).toBe("b");
      expect((await client.question(known)).label).toBe("c");
      await says(page, "1 answered by you");
      await says(page, "No question is waiting.");
      await end();
    });

    it.concurrent("compares a version before it is promoted, asks for the name of a worse one, and rolls it back", async ({
      expect,
    }) => {
      await publishOn(ladder, await testedModel("moved", { version: 2, accuracy: 0.8 }), null);
      const { page, end } = await open("models/moved");
      const stable = async () => (await ladder.client("ask").model("moved")).pointer.stable;
      const isWhole = () =>
        page.$eval("dialog[open]", (dialog) => {
          const { left, right, top, bottom } = dialog.getBoundingClientRect();
          const isCentred = Math.abs(left - (innerWidth - right)) < 20 && top > 0 && bottom < innerHeight;
          return isCentred && dialog.scrollWidth <= dialog.clientWidth;
        });
      await page.waitForSelector("main table");
      // Nothing to return to yet.
      expect(await page.$('::-p-aria([name^="Roll back"][role="button"])')).toBeNull();
      await press(page, "Start a canary");
      await says(page, "judged on labelled questions");
      expect(await isWhole()).toBe(true);
      await page.keyboard.press("Escape");
      await press(page, "Compare and promote");
      await page.waitForSelector('dialog[open] [data-slice="all thin accuracy"] .bad');
      expect(await isWhole()).toBe(true);
      await says(page, "beyond chance (thin accuracy)");
      const button = await page.waitForSelector('dialog[open] button[type="submit"]:disabled');
      await page.type("dialog[open] input", "2");
      expect(await stable()).toBe(1);
      await button?.click();
      await expect.poll(stable).toBe(2);
      await page.waitForFunction(() => !document.querySelector("dialog[open]"));
      await press(page, "Roll back to 1");
      await page.waitForSelector("dialog[open]");
      expect(await isWhole()).toBe(true);
      await page.click("dialog[open] button.danger");
      await expect.poll(stable).toBe(1);
      await says(page, "rolled back to version 1");
      await end();
    });

    it.concurrent("finds a stored question by filter, and shows it by an address to share; teaches and forgets it", async ({
      expect,
    }) => {
      const client = ladder.client("admin");
      const asked = await client.askMany(
        "found",
        [0, 1].map((x0) => ({ region: "north", x0, x1: 1, x2: 1, x3: 2 })),
      );
      const { id } = asked[1] as Answer;
      await client.teach(asked[0]?.id as string, "a");
      const { page, end } = await open("questions/found?region=north&open=true");
      const row = await page.waitForSelector(`tr[data-id="${id}"] a`);
      expect(await page.$$eval("tbody tr", (rows) => rows.length)).toBe(1);
      await row?.click();
      await says(page, "What each rung said");
      const address = page.url();
      expect(decodeURIComponent(address)).toContain(`#/questions/found/${id}`);
      const { page: shared, end: endShared } = await open(address.split("#/")[1]);
      await says(shared, "below the threshold 1.010");
      await says(shared, "Not known yet.");
      await endShared();
      await page.select("main select", "b");
      await press(page, "Teach");
      await says(page, "b, by truth, given by token admin");
      await press(page, "Forget");
      await page.waitForSelector("dialog[open]");
      await page.click("dialog[open] button.danger");
      await says(page, "This question is not stored.");
      await expect
        .poll(async () => (await client.questionPage("found")).questions.map((one) => one.id))
        .toEqual([asked[0]?.id]);
      await end();
    });

    it.concurrent("sends a signed alert again after its receiver died before it answered, and the receiver keeps it once", async ({
      expect,
    }) => {
      const folder = await mkdtemp(join(ladder.folder, "alerts-"));
      const port = await freePort();
      const lines = async <T>(name: string): Promise<T[]> => {
        const text = await readFile(join(folder, name), "utf8");
        return text
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line));
      };
      const got = () => lines<{ url: string; headers: Record<string, string>; body: string }>("deliveries.ndjson");
      const kept = () => lines<{ id: string; body: string }>("events.ndjson");
      const { page, end } = await open("alerts/easy");
      await page.waitForSelector("main form");
      await page.type('main input[type="url"]', `http://127.0.0.1:${port}/take`);
      await press(page, "Add webhook");
      const shown = await page.waitForSelector("[data-secret]");
      const secret = (await shown?.evaluate((node) => node.textContent)) ?? "";
      const start = async (mode: string) => {
        const script = join(import.meta.dirname, "../helpers/alert-receiver.ts");
        const child = spawn(process.execPath, [script, String(port), folder, secret, mode], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await once(child.stdout, "data");
        return child;
      };
      const dying = await start("dies");
      await press(page, "Test");
      await once(dying, "exit");
      expect([(await got()).length, (await kept()).length]).toEqual([1, 1]);
      const live = await start("answers");
      await expect.poll(async () => (await got()).length).toBe(2);
      await page.waitForFunction(() => !document.body.textContent.includes("not delivered"));
      await says(page, "delivered");
      const [first, second, ...more] = await got();
      expect([first?.body, more]).toEqual([second?.body, []]);
      const id = JSON.parse(first?.body as string).id;
      expect([first, second].map((one) => one?.headers["upriver-event"])).toEqual([id, id]);
      expect(await kept()).toEqual([{ id, body: first?.body }]);
      // What has another body, or an old time, is no event.
      const send = async (body: string, signature: string) => {
        const headers = { "upriver-event": "evt_other", "upriver-signature": signature };
        return (await fetch(`http://127.0.0.1:${port}/take`, { method: "POST", body, headers })).status;
      };
      const signature = second?.headers["upriver-signature"] as string;
      expect(await send(`${second?.body} `, signature)).toBe(401);
      const old = Date.now() - 3600_000;
      const signed = createHmac("sha256", secret).update(`${old}.{}`).digest("hex");
      expect(await send("{}", `t=${old},v1=${signed}`)).toBe(401);
      expect(await kept()).toHaveLength(1);

      const client = ladder.client("admin");
      const { webhook } = await client.addWebhook("easy", { url: `http://127.0.0.1:${port}/moved`, form: "slack" });
      await client.testWebhook("easy", webhook.id);
      await says(page, "the receiver replied with status 302");
      expect((await got()).map(({ url }) => url)).not.toContain("/elsewhere");
      expect(JSON.parse((await got()).at(-1)?.body as string)).toEqual({
        text: "*Test alert* (easy): Alerts of this model reach this receiver.",
      });
      for (const { id } of (await client.alerts("easy")).webhooks) await client.removeWebhook("easy", id);
      live.kill();
      await end();
    });

    it.concurrent("keeps the theme that was chosen, and shows its keys on ?", async ({ expect }) => {
      const { page, check } = await open("overview");
      await page.keyboard.press("?");
      await page.waitForSelector('dialog[open][aria-label="Keys"]');
      await page.keyboard.press("Escape");
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await ground();
      await press(page, "Theme: auto");
      await press(page, "Theme: light");
      await page.waitForSelector('::-p-aria(Theme: dark[role="button"])');
      expect(await ground()).not.toBe(light);
      const dark = await ground();
      await page.reload({ waitUntil: "load" });
      expect(await ground()).toBe(dark);
      check();
    });

    it.concurrent("lists tokens and what was done, and revokes a token", async ({ expect }) => {
      const client = ladder.client("admin");
      await client.createToken({ id: "visitor", scopes: ["ask"] });
      const { page, end } = await open("access");
      const row = await page.waitForSelector('tr[data-token="visitor"]');
      await (await row?.waitForSelector('::-p-aria(Revoke[role="button"])'))?.click();
      await page.waitForSelector("dialog[open]");
      await page.click("dialog[open] button.danger");
      await says(page, "revoked on");
      expect((await client.tokens()).find(({ id }) => id === "visitor")?.revokedAt).not.toBeNull();
      await says(page, "create a token");
      await end();
    });

    it.concurrent("asks by form and follows a question up to the person who answers it", async () => {
      const { page, end } = await open("try/asked");
      await press(page, "Ask");
      await says(page, "By the edge, version 1");
      await page.goto(`${ladder.credentials.edge}/console/#/try/followed`);
      await says(page, "Ask followed");
      await press(page, "Ask");
      await says(page, "waiting for an answer");
      const { questions } = await ladder.client("review").review("followed", { limit: 1 });
      await ladder.client("review").answer(questions[0]?.id as string, "c");
      await says(page, "By the person");
      await end();
    });

    it.concurrent("asks by file, drawing and camera", async () => {
      const { page, end } = await open("try/pictures");
      const file = join(ladder.folder, "picture.png");
      await writeFile(file, encodePng({ width: 8, height: 6, channels: 3, data: Uint8Array.from(sdkPixels.flat(2)) }));
      const answered = () => page.waitForFunction(() => document.querySelector(".result")?.textContent);
      const asked = async () => {
        await page.waitForFunction(() =>
          [...document.querySelectorAll("button.primary")].some((button) => !(button as HTMLButtonElement).disabled),
        );
        await press(page, "Ask");
        await page.waitForFunction(
          () => document.querySelector(".result") === null || document.querySelector(".loading") === null,
        );
        await answered();
      };
      await (await page.waitForSelector('input[type="file"]'))?.uploadFile(file);
      await asked();
      // A phone's photo has more pixels than the edge decodes: the page scales it down.
      const photo = join(ladder.folder, "photo.jpg");
      await sharp({ create: { width: 4_000, height: 3_000, channels: 3, background: "#804020" } })
        .jpeg()
        .toFile(photo);
      const sent = page.waitForRequest((request) => request.url().includes("/v1/models/pictures/ask"));
      await (await page.waitForSelector('input[type="file"]'))?.uploadFile(photo);
      await asked();
      expect((await sent).headers()["content-type"]).toBe("image/jpeg");
      expect(await page.$('[role="alert"]')).toBeNull();
      await press(page, "Draw");
      const place = await (await page.waitForSelector("canvas.drawing"))?.boundingBox();
      if (!place) throw new Error("the drawing area is missing");
      await page.mouse.move(place.x + 40, place.y + 40);
      await page.mouse.down();
      await page.mouse.move(place.x + 200, place.y + 180, { steps: 8 });
      await page.mouse.up();
      await asked();
      await press(page, "Camera");
      await page.waitForFunction(() => (document.querySelector("video")?.videoWidth ?? 0) > 0);
      await press(page, "Take picture");
      await asked();
      await end();
    });

    it("answers 40 questions by keyboard within a minute, and each caller receives the answer", async () => {
      const instances = Array.from({ length: reviewed }, (_, n) => ({
        region: "north",
        x0: n / 7,
        x1: 1,
        x2: -0.5,
        x3: null,
      }));
      const asked = await ladder.client("ask").askMany("queue", instances);
      expect(asked.every(({ status }) => status === "open")).toBe(true);
      const { page, end } = await open("review/queue");
      const startedAt = Date.now();
      const given = new Map<string, string>();
      for (let n = 0; n < reviewed; n++) {
        // Wait for a question that has not been answered yet.
        const known = [...given.keys()];
        const found = await page.waitForFunction(
          (ids) => {
            const id = document.querySelector<HTMLElement>("[data-question]")?.dataset.question;
            return id !== undefined && !ids.includes(id) && id;
          },
          { polling: 20 },
          known,
        );
        given.set((await found.jsonValue()) as string, "abc"[n % 3] as string);
        await page.keyboard.press(String((n % 3) + 1) as "1");
      }
      const perMinute = (reviewed / (Date.now() - startedAt)) * 60_000;
      console.log(`${reviewed} questions by keyboard: ${Math.round(perMinute)} per minute`);
      expect(perMinute).toBeGreaterThan(40);
      await says(page, "No question is waiting.");
      const answers = await Promise.all(
        asked.map((answer) => ladder.client("ask").wait(answer, { deadlineMs: 10_000 })),
      );
      expect(new Map(answers.map(({ id, label }) => [id, label]))).toEqual(given);
      expect(answers.every(({ rung }) => rung === "human")).toBe(true);
      await end();
    });

    it("shows within 5 s that the origin is down and that it is up again", async () => {
      const { page, end } = await open("overview");
      await says(page, "Origin is up");
      await ladder.stopOrigin();
      await says(page, "Origin is down", 5_000);
      await ladder.startOrigin();
      await says(page, "Origin is up", 5_000);
      await end();
    });

    it.concurrent("shows the focus at each stop of each page, and reaches by Tab all that a mouse does", async ({
      expect,
    }) => {
      const { page, end } = await openByKeys();
      for (const [path, heading] of Object.entries(pages)) {
        await page.evaluate((to) => location.replace(`#/${to}`), path);
        await shows(page, heading);
        // What a page loads meanwhile may be in the way once.
        await expect.poll(async () => [path, ...(await faultsOf(page))]).toEqual([path]);
      }
      await end();
    });

    it.concurrent("is signed in to and walked through by keyboard alone", async ({ expect }) => {
      const { edge, tokens } = ladder.credentials;
      const page = await (await browser.createBrowserContext()).newPage();
      await watchListeners(page);
      await page.goto(`${edge}/console`);
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await tabTo(page, /^API token/);
      await page.keyboard.type(tokens.admin);
      await page.keyboard.press("Enter");
      await shows(page, "Overview");
      await startWalk(page);
      await tabTo(page, "Skip to content");
      await page.keyboard.press("Enter");
      expect((await tabTo(page, /./)).name).toBe("live");
      await startWalk(page);
      await tabTo(page, "Questions", "header nav");
      await page.keyboard.press("Enter");
      await says(page, "Questions of");
      await tabTo(page, "keyed", "nav.models");
      await page.keyboard.press("Enter");
      await shows(page, "Questions of keyed");
      await tabTo(page, "Region", "main form");
      await page.keyboard.type("south");
      await page.waitForFunction(() => location.hash.includes("region=south"));
      await tabTo(page, "Since");
      const refused: string[] = [];
      page.on("response", (response) => void (response.status() === 422 && refused.push(response.url())));
      const steps = await page.evaluate(() => history.length);
      await page.keyboard.type("11012026", { delay: 150 });
      await page.waitForFunction(() => location.hash.includes("since=2026-11-01"));
      await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 2);
      expect([refused, await page.evaluate(() => history.length)]).toEqual([[], steps]);
      await expect.poll(() => faultsOf(page)).toEqual([]);

      await tabTo(page, /./, "tbody");
      await page.keyboard.press("Enter");
      await shows(page, "Question");
      await says(page, "Not known yet.");
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await tabTo(page, "True label");
      await page.keyboard.type("b");
      await tabTo(page, "Teach");
      await page.keyboard.press("Enter");
      await says(page, "b, by truth, given by token admin");
      // The button is off now: Tab goes on after it.
      expect((await tabTo(page, /./)).name).toBe("Copy as curl");
      await cancels(page, "Forget");
      await page.browserContext().close();
    });

    it.concurrent("promotes and rolls back by keyboard alone, in dialogs that keep the focus and give it back", async ({
      expect,
    }) => {
      const { page, end } = await openByKeys("models/keyed");
      const stable = async () => (await ladder.client("ask").model("keyed")).pointer.stable;
      await page.waitForSelector("tbody tr");
      await cancels(page, "Keys");
      await cancels(page, "Start a canary");
      await cancels(page, "Compare and promote");
      await page.keyboard.press("Enter");
      await page.waitForSelector("dialog[open] input");
      await tabTo(page, /^Version 2 is worse/, "dialog[open]");
      await page.keyboard.type("2");
      await tabTo(page, "Promote", "dialog[open]");
      await page.keyboard.press("Enter");
      await expect.poll(stable).toBe(2);
      await tabTo(page, "Roll back to 1");
      await page.keyboard.press("Enter");
      await tabTo(page, "Roll back to 1", "dialog[open]");
      await page.keyboard.press("Enter");
      await expect.poll(stable).toBe(1);
      await says(page, "rolled back to version 1");
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await end();
    });

    it.concurrent("asks, reviews, reads samples, adds a webhook and revokes a token by keyboard alone", async ({
      expect,
    }) => {
      const client = ladder.client("admin");
      await client.createToken({ id: "keyed-visitor", scopes: ["ask"] });
      const { page, end } = await openByKeys("try/keyed");
      const go = async (path: string, heading: string) => {
        await page.evaluate((to) => location.replace(`#/${to}`), path);
        await shows(page, heading);
      };
      const enter = async (name: string | RegExp, within?: string) => {
        await tabTo(page, name, within);
        await page.keyboard.press("Enter");
      };
      await tabTo(page, "x0");
      await page.keyboard.type("2");
      await page.keyboard.press("Enter");
      await says(page, "waiting for an answer");
      await enter("All labels are allowed");
      await tabTo(page, "a", "fieldset");
      await page.keyboard.press("Space");
      await says(page, "Only 1 of 3 labels are allowed");
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await enter("JSON");
      await page.waitForSelector("main textarea");
      await expect.poll(() => faultsOf(page)).toEqual([]);

      await go("review/keyed", "Review keyed");
      await page.waitForSelector("[data-question]");
      await cancels(page, /Flag$/);
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await enter(/ c$/, ".answers");
      await says(page, "1 answered by you");

      await go("data/keyed", "Data of keyed");
      await enter("Read the samples");
      await says(page, "Export as NDJSON");
      expect((await tabTo(page, /./)).name).toBe("Region");
      await enter("Find suspects");
      await says(page, "No suspect in");
      await expect.poll(() => faultsOf(page)).toEqual([]);

      await go("regions/keyed/south", "south");
      await page.waitForSelector("main details, main .notice");
      await cancels(page, "Retrain now");
      await expect.poll(() => faultsOf(page)).toEqual([]);

      await go("alerts/keyed", "Alerts of keyed");
      await tabTo(page, "Address of the receiver");
      await page.keyboard.type("http://127.0.0.1:9/");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[data-secret]");
      await enter("Test");
      await says(page, "Test alert");
      await expect.poll(() => faultsOf(page)).toEqual([]);
      await enter("Remove");
      await enter("Remove", "dialog[open]");
      await says(page, "No webhook yet.");

      await go("access", "Access");
      await page.waitForSelector('tr[data-token="keyed-visitor"]');
      await expect.poll(() => faultsOf(page)).toEqual([]);
      const own = 'tr[data-token="keyed-visitor"]';
      await enter("Revoke", own);
      await enter("Revoke", "dialog[open]");
      await expect
        .poll(async () => (await client.tokens()).find(({ id }) => id === "keyed-visitor")?.revokedAt)
        .toBeTruthy();

      await go("demo", "Demo");
      await cancels(page, /^Start/);
      await end();
    });

    it.concurrent.for(sights)(
      "has no accessibility violation and nothing cut off: $name",
      async (sight, { expect }) => {
        const { page, check } = await open("", sight);
        // In the page's own context, as an extension does: its policy admits no foreign script.
        await page.evaluate(axe.source);
        for (const [path, heading] of Object.entries(pages)) {
          await page.evaluate((to) => location.replace(`#/${to}`), path);
          await shows(page, heading);
          const { violations } = (await page.evaluate(
            `axe.run(document, { resultTypes: ["violations"] })`,
          )) as axe.AxeResults;
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
          expect([path, ...found]).toEqual([path]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
          check();
        }
        await page.browserContext().close();
      },
    );
  },
);
