import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Command } from "commander";
import puppeteer, { type Browser } from "puppeteer-core";
import { UpriverClient } from "#client/index.ts";
import { publish } from "#origin/publish.ts";
import { chromiumPath } from "../local/chromium.ts";
import { startEdge } from "../local/edge.ts";
import { median } from "../local/median.ts";
import { printResult, table } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { root } from "../local/process.ts";
import { ensureSecrets } from "../local/secrets.ts";
import { benchArtefact, benchInstance } from "./model.ts";

interface Options {
  rounds: string;
  json?: boolean;
}

/** How long a page took from the request on, ms. */
interface Paints {
  /** The first pixels. */
  first: number;
  /** What the page is for: the ladder, with its numbers. */
  meaningful: number;
}

const slowdowns = [1, 4, 6];

/** `bench console`: what the console weighs, and when it shows something on a throttled CPU. */
export function consoleBench(program: Command): void {
  program
    .command("console")
    .description("the console's weight, and its first meaningful paint on a throttled CPU")
    .option("--rounds <n>", "how often each is measured; medians are printed", "5")
    .option("--json", "print one JSON object instead of text")
    .action(async ({ rounds, json }: Options) => {
      const weight = await weigh();
      const paints = await withEdge((url) => measure(url, Number(rounds)));
      printResult(json, { weight, paints }, () => describe(weight, paints));
    });
}

async function weigh(): Promise<Record<string, number>> {
  const folder = join(root, "workers/console/dist/console");
  const sizes: Record<string, number> = {};
  const sent = (await readdir(folder)).filter((file) => /\.(js|css)$/.test(file));
  for (const file of sent) {
    const kind = file.split(".").at(-1) as string;
    sizes[kind] = (sizes[kind] ?? 0) + gzipSync(await readFile(join(folder, file))).length;
  }
  return sizes;
}

/** An edge that serves a model and has answered a question, so that the console has numbers to show. */
async function withEdge<T>(work: (url: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const { edge, tokens, signingKey } = await ensureSecrets(folder, ports);
  const part = await startEdge({ folder, port: ports.edge });
  try {
    const client = new UpriverClient({ url: edge, token: tokens.admin });
    const { model, version } = await publish(client, await benchArtefact(), signingKey);
    await client.rollout(model, { version });
    await client.ask(model, benchInstance);
    return await work(`${edge}/console/#token=${tokens.admin}`);
  } finally {
    await part.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(url: string, rounds: number): Promise<Record<number, Paints>> {
  if (!chromiumPath) throw new Error("bench console: no Chromium here; CHROME_PATH names one.");
  const browser = await puppeteer.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const all = new Map<number, Paints[]>(slowdowns.map((slowdown) => [slowdown, []]));
    // In turns, so that what else the machine does falls on all alike.
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
    ...[`${slowdown} times slower`, `${first} ms`, `${meaningful} ms`],
  ]);
  return [`Gzipped: ${sizes.join(", ")}`, table([["CPU", "first paint", "the ladder is there"], ...rows])].join("\n\n");
}
