import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser, openConsole } from "../helpers/browser.ts";
import { writeCamera } from "../helpers/fake-camera.ts";
import { testModel } from "../helpers/model.ts";
import { sdkModels } from "../helpers/sdk-models.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { publishOn, type SharedLadder, sharedLadder } from "../journeys/ladder.ts";

const isSkipped = (await chromiumHere()) === undefined;
const [red, blue, dark] = [
  [80, 90, 240],
  [60, 240, 100],
  [20, 128, 128],
] as const;
/** How long the camera shows each picture. */
const seconds = 2;

let ladder: SharedLadder;
let browser: Browser;
let folder: string;

beforeAll(async () => {
  if (isSkipped) return;
  [ladder, folder] = await Promise.all([sharedLadder(), mkdtemp(join(tmpdir(), "upriver-camera-"))]);
  const video = join(folder, "two-pictures.y4m");
  const pictures = [
    [red, dark],
    [dark, blue],
  ] as const;
  await writeCamera(video, pictures, seconds);
  const views = { ...sdkModels.find(({ model }) => model === "pictures"), model: "device-views", threshold: 0.5 };
  await publishOn(ladder, await testModel(views));
  const asked = { model: "device-asked", threshold: 1.01, fullThreshold: 0 };
  await publishOn(ladder, await testModel(asked));
  browser = await openBrowser([`--use-file-for-fake-video-capture=${video}`]);
});
afterAll(async () => {
  await browser?.close();
  ladder?.check();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function open(model: string): Promise<{ page: Page; check: () => void }> {
  const { edge, tokens } = ladder.credentials;
  const opened = await openConsole(browser, { edge, token: tokens.admin, path: `try/${model}` });
  await press(opened.page, "On this device");
  await opened.page.waitForSelector("[data-device]");
  return opened;
}

async function press(page: Page, name: string): Promise<void> {
  const button = await page.waitForSelector(`::-p-aria(${name}[role="button"])`);
  await button?.click();
}

/** Waits until the camera begins to show the picture that is bright on its left side, or the other one. */
async function untilShown(page: Page, isLeft: boolean): Promise<void> {
  await page.evaluate(async (wanted) => {
    const video = document.querySelector("video") as HTMLVideoElement;
    const context = new OffscreenCanvas(2, 1).getContext("2d") as OffscreenCanvasRenderingContext2D;
    const look = () => {
      context.drawImage(video, 0, 0, 2, 1);
      const [red, , , , , , blue] = context.getImageData(0, 0, 2, 1).data;
      return (red as number) > (blue as number);
    };
    const next = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while (look() === wanted) await next();
    while (look() !== wanted) await next();
  }, isLeft);
}

const live = (page: Page) => page.$eval("[data-live]", (shown) => shown.getAttribute("data-live"));

describe.skipIf(isSkipped)("on this device, in the console", () => {
  it("answers in the browser, and shows the final answer of what it escalates", async () => {
    const { page, check } = await open("device-asked");
    await press(page, "Ask");
    await page.waitForSelector('[data-final="origin"]');
    expect(await page.$eval("[role=status]", (shown) => shown.textContent)).toContain("escalated");
    check();
  });

  it("learns two pictures from the camera, thirty frames each, and tells them apart, also without a network", async () => {
    const { page, check } = await open("device-views");
    const summary = await page.waitForSelector("summary::-p-text(Teach with the camera)");
    await page.evaluate(() => {
      const [devices, make] = [navigator.mediaDevices, createImageBitmap] as const;
      const start = devices.getUserMedia.bind(devices);
      const streams: MediaStream[] = [];
      devices.getUserMedia = async (wanted) => {
        streams.push(await start(wanted));
        await new Promise((resolve) => setTimeout(resolve, 300));
        return streams.at(-1) as MediaStream;
      };
      // A frame that can't be read.
      globalThis.createImageBitmap = () => {
        globalThis.createImageBitmap = make;
        return Promise.reject(new Error("no frame"));
      };
      Object.assign(globalThis, { streams });
    });
    await summary?.click();
    await page.waitForSelector("video");
    await summary?.click();
    // Closed before the browser has given the camera, it is off again.
    await page.waitForFunction(() => {
      const { streams } = globalThis as unknown as { streams: MediaStream[] };
      return streams[0]?.getTracks().every(({ readyState }) => readyState === "ended");
    });
    await summary?.click();
    await page.waitForFunction(() => (document.querySelector("video")?.videoWidth ?? 0) > 0);
    const teach = async (name: string, isLeft: boolean) => {
      await untilShown(page, isLeft);
      await press(page, `Teach ${name}`);
      await page.waitForFunction(
        (label) =>
          [...document.querySelectorAll("[data-examples='30']")].some((shown) =>
            shown.parentElement?.textContent?.includes(label),
          ),
        {},
        `Teach ${name}`,
      );
    };
    await teach("first", true);
    await teach("second", false);
    await page.setOfflineMode(true);
    for (const [name, isLeft] of [
      ["first", true],
      ["second", false],
    ] as const) {
      await untilShown(page, isLeft);
      await expect.poll(() => live(page), { timeout: 10_000 }).toBe(name);
    }
    const perSecond = await page.$eval("[data-live]", (shown) => Number(shown.getAttribute("data-per-second")));
    console.log(`${perSecond} answers a second`);
    expect(perSecond).toBeGreaterThanOrEqual(10);
    check();
  });
});
