import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device, DeviceAnswer, DeviceOptions } from "#client/device/index.ts";
import { type DeviceServer, startDeviceServer } from "#scripts/local/device-server.ts";
import { openBrowser } from "../helpers/browser.ts";
import { testModel } from "../helpers/model.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { publishOn, type SharedLadder, sharedLadder } from "../journeys/ladder.ts";

/** What the page has, and what the test leaves there. */
interface Page0 {
  openDevice: (options: DeviceOptions) => Promise<Device>;
  device: Device;
  finals: string[];
}

const isSkipped = (await chromiumHere()) === undefined;
const model = "in-browser";
const instances = Array.from({ length: 60 }, (_, i) => {
  return { region: "north", x0: Math.sin(i) * 2, x1: Math.cos(3 * i), x2: i / 30 - 1, x3: 0.5 };
});

let ladder: SharedLadder;
let server: DeviceServer;
let browser: Browser;

beforeAll(async () => {
  if (isSkipped) return;
  ladder = await sharedLadder();
  await publishOn(ladder, await testModel({ model, inputs: 4, hidden: [64, 32], threshold: 0.95, fullThreshold: 0 }));
  [server, browser] = await Promise.all([startDeviceServer(ladder.credentials.edge), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  ladder?.check();
});

async function openPage(): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(server.url);
  await open(page);
  return page;
}

async function open(page: Page, user?: string): Promise<void> {
  const token = ladder.credentials.tokens.ask;
  const options = { url: server.url, token, model, region: "north", ...(user === undefined ? {} : { user }) };
  await page.waitForFunction(() => "openDevice" in globalThis);
  await page.evaluate(async (given) => {
    const own = globalThis as unknown as Page0;
    own.device = await own.openDevice(given);
    own.finals = [];
    own.device.on("answer", ({ id }) => void own.finals.push(id));
  }, options);
}

/** Asks in the page; returns the ids of the questions that are open. */
async function ask(page: Page, some: object[]): Promise<string[]> {
  const answers = await page.evaluate(
    (given) => (globalThis as unknown as Page0).device.askMany(given as never) as Promise<DeviceAnswer[]>,
    some,
  );
  expect(answers.map(({ rung }) => rung)).toEqual(some.map(() => "device"));
  return answers.flatMap(({ id, status }) => (status === "open" ? [id] : []));
}

const finalsOf = (page: Page) => page.evaluate(() => (globalThis as unknown as Page0).finals.toSorted());

describe.skipIf(isSkipped)("a device in Chromium", () => {
  it("keeps what it can't send over a reload and a closed tab, and delivers each question once", async () => {
    const first = await openPage();
    server.setCut(true);
    const before = await ask(first, instances.slice(0, 20));
    await first.reload();
    await open(first);
    const reloaded = await ask(first, instances.slice(20, 40));
    // Two pages: one of them sends.
    const second = await openPage();
    const both = await ask(second, instances.slice(40));
    const all = [...before, ...reloaded, ...both].sort();
    expect(all.length).toBeGreaterThan(5);
    await first.close();
    server.setCut(false);
    await expect.poll(() => finalsOf(second)).toEqual(all);
    expect(all.map((id) => server.delivered.get(id))).toEqual(all.map(() => 1));
    const { answers } = await (
      await fetch(`${ladder.credentials.edge}/v1/answers`, {
        method: "POST",
        headers: { authorization: `Bearer ${ladder.credentials.tokens.ask}`, "content-type": "application/json" },
        body: JSON.stringify({ ids: all }),
      })
    ).json();
    expect(answers.map(({ id }: DeviceAnswer) => id).sort()).toEqual(all);
    const state = await second.evaluate(() => (globalThis as unknown as Page0).device.state());
    expect([state.waiting, state.open, state.fault]).toEqual([0, 0, null]);
    expect(state.counts).toMatchObject({ asked: 60, escalated: all.length, answered: all.length });
    await second.close();
  });

  it("learns in its worker, and shows a page that opens later what it was taught, unless another user opens it", async () => {
    const page = await openPage();
    const sent = server.sentBytes();
    const lesson = await page.evaluate(async () => {
      const { device } = globalThis as unknown as Page0;
      for (let i = 0; i < 6; i++)
        await device.learn({ region: "north", x0: -3 + i / 9, x1: 3, x2: -3, x3: 3 }, "tiger");
      return device.ask({ region: "north", x0: -2.7, x1: 3, x2: -3, x3: 3 }, { escalate: false });
    });
    expect(lesson).toMatchObject({ label: "tiger", personal: true, certificate: null });
    expect(server.sentBytes()).toBe(sent);
    await page.reload();
    await open(page);
    expect(await page.evaluate(() => (globalThis as unknown as Page0).device.taught())).toEqual([
      { label: "tiger", isNew: true, examples: 6 },
    ]);
    const refused = page.evaluate(() => (globalThis as unknown as Page0).device.ask({ x0: "warm" }));
    await expect(refused).rejects.toThrow(/does not match the model's input: .*x0/);
    await page.reload();
    await open(page, "another");
    expect(await page.evaluate(() => (globalThis as unknown as Page0).device.taught())).toEqual([]);
    await page.close();
  });

  it("loads at most 120 KB for a small dense model, without TensorFlow.js", () => {
    const loaded = [...server.loaded].filter(([path]) => path.endsWith(".js"));
    const bytes = loaded.reduce((sum, [, gzipped]) => sum + gzipped, 0);
    console.log(`the page loaded ${loaded.map(([path, gzipped]) => `${path} ${gzipped}`).join(", ")}: ${bytes} bytes`);
    expect(bytes).toBeLessThanOrEqual(120_000);
    expect([...server.loaded.keys()].filter((path) => path.endsWith(".wasm"))).toEqual([]);
  });
});
