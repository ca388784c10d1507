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

/** Requests of an open overview in an hour, by path, and those of a hidden tab. */
interface Requests {
  shown: Record<string, number>;
  hidden: number;
}

/** `bench console`: measures the console's size, its first paint on a throttled CPU, and what an open tab asks. */
export function consoleBench(program: Command): void {
  program
    .command("console")
    .description("measure the console's size, its first meaningful paint on a throttled CPU, and what an open tab asks")
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
          requests: await countRequests(browser, url, seconds),
        })),
      );
      printResult(json, { weight, ...measured }, () => describe(weight, measured.paints, measured.requests));
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

function describe(weight: Record<string, number>, paints: Record<number, Paints>, requests: Requests): string {
  const sizes = Object.entries(weight).map(([kind, bytes]) => `${kind} ${(bytes / 1_000).toFixed(1)} kB`);
  const rows = Object.entries(paints).map(([slowdown, { first, meaningful }]) => [
    ...[`${slowdown}× slower`, `${first} ms`, `${meaningful} ms`],
  ]);
  const asked = Object.entries(requests.shown).map(([path, n]) => [path, String(n)]);
  return [
    `Gzipped: ${sizes.join(", ")}`,
    formatTable([["CPU", "first paint", "ladder visible"], ...rows]),
    formatTable([["an open overview asks", "times an hour"], ...asked, ["while hidden", String(requests.hidden)]]),
  ].join("\n\n");
}
