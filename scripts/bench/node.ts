import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import type { Answer } from "#core/contract/index.ts";
import { bytes, count } from "#core/format.ts";
import { publish } from "#origin/publish.ts";
import type { Artefact } from "#origin/train/index.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { type Compared, compare, type Target } from "./asking/load.ts";
import { benchToken } from "./asking/servers.ts";
import { benchArtefact, benchInstance } from "./model.ts";
import { type Site, startSite } from "./node/site.ts";

interface Options {
  seconds: number;
  rounds: number;
  starts: number;
  kept: number;
  json?: boolean;
}

interface Measured {
  /** Resident memory of the node's workerd: started, with a question in each region, after all questions, and a while later. */
  rss: { started: number; asked: number; end: number; later: number };
  /** From the start of the process to the first answer. */
  firstMs: number;
  /** The node beside the near edge. */
  ask: Compared;
  disk: { questions: number; before: number; after: number };
}

const answering = "answering";
const keeping = "keeping";
const regions = Array.from({ length: 10 }, (_, i) => `press ${i}`);
const connections = 32;
const batch = 100;
const batchesAtOnce = 4;
/** Objects without work leave memory after a minute and more. */
const restMs = 120_000;

/** `bench node`: measures a node under a near edge: memory, start, questions a second beside the edge's, and disk. */
export function nodeBench(program: Command): void {
  const whole = { atLeast: 1, isWhole: true };
  program
    .command("node")
    .description("measure a node with ten regions: memory, start, questions a second beside the near edge's, disk")
    .option("--seconds <n>", "duration of each load", numberParser("--seconds", { above: 0 }), 4)
    .option("--rounds <n>", "rounds of both; medians are printed", numberParser("--rounds", whole), 3)
    .option("--starts <n>", "starts whose first answer is timed", numberParser("--starts", whole), 5)
    .option("--kept <n>", "questions that are kept on its disk", numberParser("--kept", whole), 100_000)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ starts, kept, json, ...loads }: Options): Promise<void> {
  const site = await startSite();
  try {
    const { edge, node } = site;
    await publishAll(site);
    const started = rssOf(node.pid());
    for (const region of regions) await askedIn(site, answering, region);
    const asked = rssOf(node.pid());
    const firsts: number[] = [];
    for (let i = 0; i < starts; i++) {
      await node.kill();
      const begins = performance.now();
      await node.start();
      await askedIn(site, answering, regions[0] as string);
      firsts.push(performance.now() - begins);
    }
    const own = targetOf(node.url, node.pid);
    const ask = await compare("ask", { own, other: targetOf(edge.url, edge.pid) }, { ...loads, connections });
    const before = diskOf(node.data);
    await keep(site, kept);
    const disk = { questions: kept, before, after: diskOf(node.data) };
    const end = rssOf(node.pid());
    await setTimeout(restMs);
    const rss = { started, asked, end, later: rssOf(node.pid()) };
    const measured: Measured = { rss, firstMs: median(firsts), ask, disk };
    printResult(json, measured, () => describe(measured));
  } finally {
    await site.stop();
  }
}

/** Publishes the models above; the node takes them from there. */
async function publishAll({ edge, node }: Site): Promise<void> {
  const publisher = edge.client("publish");
  for (const [model, keepWhich] of [
    [answering, "none"],
    [keeping, "all"],
  ] as const) {
    const artefact = await benchArtefact({ model: model, keep: keepWhich });
    const { version } = await publish(publisher, withRegions(artefact), edge.credentials.signingKey);
    await publisher.rollout(model, { version });
  }
  for (const model of [answering, keeping]) {
    while (
      !(await node
        .client("ask")
        .model(model)
        .catch(() => null))
    )
      await setTimeout(100);
  }
}

function withRegions({ draft, blobs }: Artefact): Artefact {
  const own = { from: "field" as const, name: "region", keys: regions, parent: "world" };
  return { blobs, draft: { ...draft, policy: { ...draft.policy, regions: own } } };
}

async function askedIn({ node }: Site, model: string, region: string): Promise<Answer> {
  return node.client("ask").ask(model, { ...(benchInstance as object), region });
}

function targetOf(url: string, pid: () => number): Target {
  return {
    url: `${url}/v1/models/${answering}/ask`,
    headers: { authorization: `Bearer ${benchToken}`, "content-type": "application/json" },
    body: JSON.stringify({ instance: { ...(benchInstance as object), region: regions[0] } }),
    pid,
  };
}

/** Asks questions that the node stores, each with another instance. */
async function keep({ node }: Site, questions: number): Promise<void> {
  const bar = showProgress("keeping", questions);
  let n = 0;
  await Promise.all(
    Array.from({ length: batchesAtOnce }, async () => {
      while (n < questions) {
        const from = n;
        n += batch;
        const instances = Array.from({ length: Math.min(batch, questions - from) }, (_, i) => {
          return {
            ...(benchInstance as object),
            x0: (from + i) / questions,
            region: regions[(from / batch) % regions.length] as string,
          };
        });
        await node.client("admin").askMany(keeping, instances);
        bar.update(from);
      }
    }),
  );
  bar.end();
}

function rssOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

function diskOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
}

function describe({ rss, firstMs, ask, disk }: Measured): string {
  const perQuestion = (disk.after - disk.before) / disk.questions;
  return formatTable([
    ["a node with a network of 25-64-32 and ten regions", ""],
    ["resident memory once started", bytes(rss.started)],
    ["with a question in each region", bytes(rss.asked)],
    [`after ${count(disk.questions)} kept questions`, bytes(rss.end)],
    [`${restMs / 1_000} s later`, bytes(rss.later)],
    ["from its start to its first answer", `${firstMs.toFixed(0)} ms`],
    [
      `questions a second, ${connections} connections`,
      `${ask.own.perSecond}; the near edge ${ask.other.perSecond} (${ask.ratio.toFixed(2)} times)`,
    ],
    [
      "CPU for each",
      `${ask.own.cpuMs.toFixed(3)} ms; the near edge ${ask.other.cpuMs.toFixed(3)} ms (${ask.cpuRatio.toFixed(2)} times)`,
    ],
    [
      `disk after ${count(disk.questions)} kept questions`,
      `${bytes(disk.after)}, ${perQuestion.toFixed(0)} bytes each`,
    ],
  ]);
}
