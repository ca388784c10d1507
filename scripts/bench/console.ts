import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** `bench console`: measures the console's size and its first paint on a throttled CPU. */
export function consoleBench(program: Command): void {
  program
    .command("console")
    .description("measure the console's size and its first meaningful paint on a throttled CPU")
    .option(
      "--rounds <n>",
      "measurements of each; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      5,
    )
    .option("--json", "print one JSON object instead of text")
    .action(async ({ rounds, json }: Options) => {
      const weight = await weigh();
      const paints = await withEdge((url) => measure(url, rounds));
      printResult(json, { weight, paints }, () => describe(weight, paints));
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

async function measure(url: string, rounds: number): Promise<Record<number, Paints>> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here. Install one, or set CHROME_PATH to its path.");
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
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
  } finally {
    await browser.close();
  }
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

function describe(weight: Record<string, number>, paints: Record<number, Paints>): string {
  const sizes = Object.entries(weight).map(([kind, bytes]) => `${kind} ${(bytes / 1_000).toFixed(1)} kB`);
  const rows = Object.entries(paints).map(([slowdown, { first, meaningful }]) => [
    ...[`${slowdown}× slower`, `${first} ms`, `${meaningful} ms`],
  ]);
  return [`Gzipped: ${sizes.join(", ")}`, formatTable([["CPU", "first paint", "ladder visible"], ...rows])].join(
    "\n\n",
  );
}
