import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Command } from "commander";
import puppeteer, { type Browser } from "puppeteer-core";
import { UpriverClient } from "#client/index.ts";
import { publish } from "#origin/publish.ts";
import { memoryBelow } from "../hostile/memory.ts";
import { findChromium } from "../local/chromium.ts";
import { startDeviceServer } from "../local/device-server.ts";
import { DeviceTab } from "../local/device-tab.ts";
import { startEdge } from "../local/edge.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { ensureSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { bundle } from "../local/workerd.ts";
import { openNode } from "../node/enrol.ts";
import { type RunningNode, startNode } from "../node/start.ts";
import { settingsOfNode } from "../node/state.ts";
import { type LongestTasks, longestTasks } from "./device-tasks.ts";
import { benchArtefact, benchInstance, benchModel } from "./model.ts";
import { benchWidths } from "./widths.ts";

interface Options {
  questions: number;
  rounds: number;
  json?: boolean;
}

/** What a rung costs. */
interface Costs {
  rung: string;
  /** Gzipped bytes of code that start it. */
  codeBytes: number;
  /** From its start to its first answer: at first, and with what it has kept. */
  startMs: number;
  againMs: number;
  msPerQuestion: number;
  /** What its process has resident; of a device, the heaps of its page and its worker. */
  megabytes: number;
}

const region = "weur";
const startWithinMs = 60_000;
const pollMs = 10;

/** `bench device`: what a device in Chromium costs beside a node and an edge, and the longest task of its page. */
export function deviceBench(program: Command): void {
  program
    .command("device")
    .description(
      "bytes, start to first answer, ms a question and memory of a device, a node and an edge; longest task of a page",
    )
    .option(
      "--questions <n>",
      "questions, one after another",
      numberParser("--questions", { atLeast: 10, isWhole: true }),
      500,
    )
    .option(
      "--rounds <n>",
      "starts of each; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      3,
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ questions, rounds, json }: Options): Promise<void> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here. Install one, or set CHROME_PATH to its path.");
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const { edge: url, tokens, signingKey } = await ensureSecrets(folder, ports);
  let local = await startEdge({ folder, port: ports.edge });
  const client = new UpriverClient({ url, token: tokens.admin });
  const artefact = await benchArtefact();
  const { version } = await publish(client, artefact, signingKey);
  await client.rollout(benchModel, { version });
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  const size = { questions, rounds };
  try {
    const { tasks, ...device } = await measureDevice(browser, url, tokens.ask, size);
    const node = await measureNode(client, url, join(folder, "node"), size);
    const edge = await measureServer(client, "edge", "wrangler.toml", size, async () => {
      await local.stop();
      return async () => {
        local = await startEdge({ folder, port: ports.edge });
      };
    });
    const modelBytes = [...artefact.blobs.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const rungs = [device, node, edge];
    printResult(json, { modelBytes, rungs, tasks }, () => describe(modelBytes, rungs, tasks));
  } finally {
    await browser.close();
    await local.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Size = Pick<Options, "questions" | "rounds">;

async function measureDevice(browser: Browser, edge: string, token: string, { questions, rounds }: Size) {
  const server = await startDeviceServer(edge);
  try {
    const options = { url: server.url, token, model: benchModel, region };
    const cold: number[] = [];
    const warm: number[] = [];
    let tab: DeviceTab | null = null;
    for (let round = 0; round < rounds; round++) {
      // A new profile has kept nothing.
      const profile = await browser.createBrowserContext();
      for (const times of [cold, warm]) {
        await tab?.page.close();
        const from = performance.now();
        tab = await DeviceTab.open(profile, options);
        await tab.ask([benchInstance]);
        times.push(performance.now() - from);
      }
    }
    const opened = tab as DeviceTab;
    const instances = Array.from({ length: questions }, () => benchInstance);
    const tasks = await longestTasks(opened.page, async () => {
      await opened.askOneByOne(instances.slice(0, 50));
      for (let i = 0; i < 10; i++) await opened.learn(benchInstance, "taught");
      await opened.forget();
      await opened.ask(instances.slice(0, 50));
    });
    const ms = await opened.askOneByOne(instances);
    const code = [...server.loaded].filter(([path]) => path.endsWith(".js"));
    return {
      rung: "device",
      codeBytes: code.reduce((sum, [, bytes]) => sum + bytes, 0),
      ...{ startMs: median(cold), againMs: median(warm), msPerQuestion: ms / questions },
      megabytes: (await opened.heapBytes()) / 1e6,
      tasks,
    };
  } finally {
    await server.stop();
  }
}

async function measureNode(client: UpriverClient, above: string, data: string, size: Size): Promise<Costs> {
  const { token: enrol } = await client.inviteNode("bench");
  const state = await openNode({ data, above, enrol }, () => {});
  const settings = { ...(await settingsOfNode(state)), UPLINK_SECONDS: "1" };
  const [host, port] = ["127.0.0.1", await freePort()];
  let node: RunningNode | null = null;
  try {
    const own = new UpriverClient({ url: `http://${host}:${port}`, token: state.tokens.admin });
    return await measureServer(own, "node", "workers/node/node.toml", size, async () => {
      await node?.stop();
      return async () => {
        node = await startNode({ data, host, port, settings });
      };
    });
  } finally {
    await (node as RunningNode | null)?.stop();
  }
}

/** Measures a rung that answers over HTTP. `stop` ends it, and returns how to start it. */
async function measureServer(
  client: UpriverClient,
  rung: string,
  config: string,
  { questions, rounds }: Size,
  stop: () => Promise<() => Promise<void>>,
): Promise<Costs> {
  const starts: number[] = [];
  const before = new Set((await memoryBelow(process.pid)).map(({ pid }) => pid));
  for (let round = 0; round <= rounds; round++) {
    const start = await stop();
    const from = performance.now();
    await start();
    await firstAnswer(client);
    starts.push(performance.now() - from);
  }
  const from = performance.now();
  for (let i = 0; i < questions; i++) await client.ask(benchModel, benchInstance);
  const msPerQuestion = (performance.now() - from) / questions;
  const own = (await memoryBelow(process.pid)).filter(({ pid, name }) => !before.has(pid) && name === "workerd");
  const [first = 0, ...again] = starts;
  return {
    ...{ rung, codeBytes: await codeBytesOf(config), startMs: first, againMs: median(again), msPerQuestion },
    megabytes: own.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6,
  };
}

/** Asks until there is an answer: a new node takes the model from above first. */
async function firstAnswer(client: UpriverClient): Promise<void> {
  const until = performance.now() + startWithinMs;
  for (;;) {
    const error = await client.ask(benchModel, benchInstance).then(
      () => null,
      (cause: unknown) => cause,
    );
    if (error === null) return;
    if (performance.now() > until) throw error;
    await pause(pollMs);
  }
}

async function codeBytesOf(config: string): Promise<number> {
  const folder = await bundle(config);
  const files = (await readdir(folder, { withFileTypes: true })).filter(
    (one) => one.isFile() && !one.name.endsWith(".map"),
  );
  const sizes = await Promise.all(files.map(async ({ name }) => gzipSync(await readFile(join(folder, name))).length));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function describe(modelBytes: number, rungs: readonly Costs[], tasks: LongestTasks): string {
  const rows = rungs.map(({ rung, codeBytes, startMs, againMs, msPerQuestion, megabytes }) => [
    ...[rung, `${(codeBytes / 1_000).toFixed(1)} kB`, `${startMs.toFixed(0)} ms`, `${againMs.toFixed(0)} ms`],
    ...[`${msPerQuestion.toFixed(2)} ms`, `${megabytes.toFixed(1)} MB`],
  ]);
  const { wallMs, cpuMs } = tasks;
  return [
    `A model of ${benchWidths.join("-")} (${(modelBytes / 1_000).toFixed(1)} kB):`,
    formatTable([["", "code, gzipped", "first start", "start again", "a question", "memory"], ...rows]),
    `Longest task of the page's main thread while it asks and learns: ${wallMs.toFixed(1)} ms, ${cpuMs.toFixed(1)} ms of CPU`,
  ].join("\n\n");
}
