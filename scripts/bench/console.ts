import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Command } from "commander";
import puppeteer, { type Browser } from "puppeteer-core";
import { UpriverClient } from "#client/index.ts";
import { publish } from "#origin/publish.ts";
import { findChromium } from "../local/chromium.ts";
import { startEdge } from "../local/edge.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { root } from "../local/process.ts";
import { ensureSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { benchArtefact, benchInstance } from "./model.ts";

interface Options {
  rounds: number;
  seconds: number;
  json?: boolean;
}

/** Times of a page since the request, ms. */
interface Paints {
  /** First contentful paint. */
  first: number;
  /** The ladder with its figures. */
  meaningful: number;
}

const slowdowns = [1, 4, 6];

/** From clicks and keys to the next paint, ms, on the slowest CPU. Times below 16 ms count as 16. */
interface Interactions {
  count: number;
  median: number;
  longest: number;
}

/** Requests of an open overview in an hour, by path, and those of a hidden tab. */
interface Requests {
  shown: Record<string, number>;
  hidden: number;
}

/** `bench console`: measures the console's size, its paints and interactions on a throttled CPU, and what an open tab asks. */
export function consoleBench(program: Command): void {
  program
    .command("console")
    .description(
      "measure the console's size, its first meaningful paint and interactions on a throttled CPU, and what an open tab asks",
    )
    .option(
      "--rounds <n>",
      "measurements of each; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      5,
    )
    .option(
      "--seconds <n>",
      "how long requests are counted",
      numberParser("--seconds", { atLeast: 1, isWhole: true }),
      120,
    )
    .option("--json", "print one JSON object instead of text")
    .action(async ({ rounds, seconds, json }: Options) => {
      const weight = await weigh();
      const measured = await withEdge((url) =>
        withBrowser(async (browser) => ({
          paints: await measure(browser, url, rounds),
          interactions: await interact(browser, url, rounds),
          requests: await countRequests(browser, url, seconds),
        })),
      );
      printResult(json, { weight, ...measured }, () => describe(weight, measured));
    });
}

async function weigh(): Promise<Record<string, number>> {
  const folder = join(root, "workers/console/dist/console");
  const sizes: Record<string, number> = {};
  // What runs a model on the device is loaded where somebody asks for that.
  const sent = (await readdir(folder)).filter((file) => /\.(js|css)$/.test(file) && !file.startsWith("device"));
  for (const file of sent) {
    const kind = file.split(".").at(-1) as string;
    sizes[kind] = (sizes[kind] ?? 0) + gzipSync(await readFile(join(folder, file))).length;
  }
  return sizes;
}

/** Runs work with an edge that serves a model and has answered a question, so that the console has figures to show. */
async function withEdge<T>(work: (url: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const { edge, tokens, signingKey } = await ensureSecrets(folder, ports);
  const local = await startEdge({ folder, port: ports.edge });
  try {
    const client = new UpriverClient({ url: edge, token: tokens.admin });
    const { model, version } = await publish(client, await benchArtefact(), signingKey);
    await client.rollout(model, { version });
    await client.ask(model, benchInstance);
    return await work(`${edge}/console/#token=${tokens.admin}`);
  } finally {
    await local.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function withBrowser<T>(work: (browser: Browser) => Promise<T>): Promise<T> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here. Install one, or set CHROME_PATH to its path.");
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

async function measure(browser: Browser, url: string, rounds: number): Promise<Record<number, Paints>> {
  const all = new Map<number, Paints[]>(slowdowns.map((slowdown) => [slowdown, []]));
  // In turns, so that other load on the machine affects all alike.
  for (let round = 0; round < rounds; round++) {
    for (const slowdown of slowdowns) all.get(slowdown)?.push(await paint(browser, url, slowdown));
  }
  const medians = [...all].map(([slowdown, paints]) => {
    const of = (key: keyof Paints) => Math.round(median(paints.map((one) => one[key])));
    return [slowdown, { first: of("first"), meaningful: of("meaningful") }];
  });
  return Object.fromEntries(medians);
}

/** Opens each page by its link and the list of keys by its key, and measures by the browser's Event Timing. */
async function interact(browser: Browser, url: string, rounds: number): Promise<Interactions> {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.goto(url);
  await page.waitForSelector("main [data-rung]");
  await page.emulateCPUThrottling(slowdowns.at(-1) ?? 1);
  await page.evaluate(() => {
    const times = new Map<number, number>();
    Object.assign(globalThis, { interactionTimes: times });
    new PerformanceObserver((list) => {
      for (const { interactionId, duration } of list.getEntries() as (PerformanceEntry & { interactionId: number })[]) {
        if (interactionId > 0) times.set(interactionId, Math.max(duration, times.get(interactionId) ?? 0));
      }
    }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
  });
  let count = 0;
  const settled = async () => {
    count++;
    await page.waitForNetworkIdle({ idleTime: 100 });
  };
  for (let round = 0; round < rounds; round++) {
    for (const link of await page.$$("header nav a")) {
      await link.click();
      await settled();
    }
    for (const key of ["?", "Escape"] as const) {
      await page.keyboard.press(key);
      await settled();
    }
  }
  const measured = await page.evaluate(() => [
    ...(globalThis as unknown as { interactionTimes: Map<number, number> }).interactionTimes.values(),
  ]);
  const times = [...measured, ...Array(Math.max(0, count - measured.length)).fill(16)];
  return { count, median: Math.round(median(times)), longest: Math.max(...times) };
}

/** Counts what the overview asks once it is shown, and what it asks while its tab is hidden. */
async function countRequests(browser: Browser, url: string, seconds: number): Promise<Requests> {
  const page = await (await browser.createBrowserContext()).newPage();
  await page.goto(url);
  await page.waitForSelector("main [data-rung]");
  await page.waitForNetworkIdle();
  const paths: string[] = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  await pause(seconds * 1_000);
  const counts = Map.groupBy(paths.splice(0), (path) => path);
  await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true }));
  await pause(Math.min(seconds, 35) * 1_000);
  const shown = [...counts].map(([path, all]) => [path, Math.round((all.length * 3_600) / seconds)]);
  return { shown: Object.fromEntries(shown), hidden: paths.length };
}

async function paint(browser: Browser, url: string, slowdown: number): Promise<Paints> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.emulateCPUThrottling(slowdown);
  await page.goto(url);
  await page.waitForSelector("main [data-rung]");
  const paints = await page.evaluate(() => {
    const [first] = performance.getEntriesByName("first-contentful-paint");
    return { first: first?.startTime ?? Number.NaN, meaningful: performance.now() };
  });
  await context.close();
  return paints;
}

interface Measured {
  paints: Record<number, Paints>;
  interactions: Interactions;
  requests: Requests;
}

function describe(weight: Record<string, number>, { paints, interactions, requests }: Measured): string {
  const sizes = Object.entries(weight).map(([kind, bytes]) => `${kind} ${(bytes / 1_000).toFixed(1)} kB`);
  const rows = Object.entries(paints).map(([slowdown, { first, meaningful }]) => [
    ...[`${slowdown}× slower`, `${first} ms`, `${meaningful} ms`],
  ]);
  const asked = Object.entries(requests.shown).map(([path, n]) => [path, String(n)]);
  return [
    `Gzipped: ${sizes.join(", ")}`,
    formatTable([["CPU", "first paint", "ladder visible"], ...rows]),
    `${interactions.count} clicks and keys, ${slowdowns.at(-1)}× slower, to the next paint: median ${interactions.median} ms, longest ${interactions.longest} ms`,
    formatTable([["an open overview asks", "times an hour"], ...asked, ["while hidden", String(requests.hidden)]]),
  ].join("\n\n");
}
