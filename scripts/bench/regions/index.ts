import { loadavg } from "node:os";
import { resolve } from "node:path";
import autocannon from "autocannon";
import type { Command } from "commander";
import { median } from "../../local/median.ts";
import { formatTable, printResult } from "../../local/output.ts";
import { numberParser } from "../../local/usage.ts";
import { Deployment } from "./deployment.ts";

interface Options {
  counts: number[];
  rounds: number;
  seconds: number;
  beside?: string;
  json?: boolean;
}

/** What one round measured, in ms; `…PerSecond` are the edge's answers. */
type Round = Record<(typeof measures)[number], number>;

/** The medians of one version of the code with one number of regions. */
type Result = Round & { regions: number; name: string; ratio: number };

const measures = [
  "ladderMs",
  "metricsMs",
  "metricsKb",
  "listMs",
  "preparedMs",
  "rolloutMs",
  "rollbackMs",
  "quietPerSecond",
  "meanwhilePerSecond",
] as const;
const looks = 5;
const connections = 8;
/** KV takes one write a second to a key. */
const kvGapMs = 1_100;

/** `bench regions`: measures what looks, publications and rollouts cost with many regions. */
export function regionsBench(program: Command): void {
  const wholeNumber = numberParser("--counts", { atLeast: 1, isWhole: true });
  program
    .command("regions")
    .description("measure looks, publications and rollouts of a model with many regions, and the edge meanwhile")
    .option("--counts <n...>", "numbers of regions", (text, all: number[] = []) => [...all, wholeNumber(text)])
    .option("--rounds <n>", "rounds; medians are printed", numberParser("--rounds", { atLeast: 1, isWhole: true }), 3)
    .option("--seconds <n>", "duration of the quiet load", numberParser("--seconds", { above: 0 }), 3)
    .option("--beside <folder>", "a checkout of another commit to measure in turns with this one")
    .option("--json", "print one JSON object instead of text")
    .action((options: Options) => run({ ...options, counts: options.counts ?? [10, 100, 1_000] }));
}

async function run({ counts, rounds, seconds, beside, json }: Options): Promise<void> {
  const results: Result[] = [];
  for (const regions of counts) {
    const deployments: Deployment[] = [];
    try {
      if (beside) deployments.push(await started("before", regions, resolve(beside)));
      deployments.push(await started("now", regions));
      const found = new Map<Deployment, Round[]>(deployments.map((deployment) => [deployment, []]));
      for (let round = 1; round <= rounds; round++) {
        for (const [deployment, all] of found) {
          const measured = await measure(deployment, seconds);
          all.push(measured);
          console.error(`${regions} regions, round ${round}, ${deployment.name}: ${JSON.stringify(measured)}`);
        }
      }
      for (const [{ name }, all] of found) results.push({ regions, name, ...mediansOf(all) });
    } finally {
      for (const deployment of deployments) await deployment.stop();
    }
  }
  const load = loadavg()[0] ?? 0;
  printResult(json, { load, results }, () => describe(results, load));
}

async function started(name: string, regions: number, checkout?: string): Promise<Deployment> {
  const startedAt = performance.now();
  const deployment = await Deployment.start(name, regions, checkout);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.error(`${name}: ${regions} regions asked and registered in ${seconds} s`);
  return deployment;
}

async function measure(deployment: Deployment, seconds: number): Promise<Round> {
  const ladderMs = await look(deployment, "/v1/ladder");
  const metricsMs = await look(deployment, "/metrics");
  const { bytes } = await deployment.read("/metrics");
  const listMs = await look(deployment, "/v1/models/{model}/regions");
  const quietPerSecond = await loadFor(deployment, seconds * 1_000);

  const { promise: end, resolve: endLoad } = Promise.withResolvers<void>();
  const loaded = loadUntil(deployment, end);
  const startedAt = performance.now();
  await deployment.untilPrepared(await deployment.publishNext());
  const preparedMs = performance.now() - startedAt;
  endLoad();
  const meanwhilePerSecond = await loaded;

  const version = await deployment.publishNext();
  const rolloutMs = await deployment.move({ version });
  await new Promise((end) => setTimeout(end, kvGapMs));
  const rollbackMs = await deployment.move("rollback");
  await deployment.untilPrepared(version);
  return {
    ...{ ladderMs, metricsMs, metricsKb: bytes / 1_000, listMs, preparedMs, rolloutMs, rollbackMs },
    ...{ quietPerSecond, meanwhilePerSecond },
  };
}

async function look(deployment: Deployment, path: string): Promise<number> {
  const tookMs: number[] = [];
  for (let i = 0; i < looks; i++) tookMs.push((await deployment.read(path)).ms);
  return median(tookMs);
}

function loadFor(deployment: Deployment, ms: number): Promise<number> {
  return loadUntil(deployment, new Promise((end) => setTimeout(end, ms)));
}

/** Asks the edge until `end`; returns its answers per second. */
async function loadUntil({ probe }: Deployment, end: Promise<void>): Promise<number> {
  const startedAt = performance.now();
  const forever = 3_600;
  const loading = autocannon({ ...probe, method: "POST", connections, duration: forever });
  // Its types do not say that the promise is the instance.
  void end.then(() => (loading as unknown as { stop: () => void }).stop());
  const { "2xx": answered, non2xx, errors } = await loading;
  if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} refused requests and ${errors} errors at ${probe.url}`);
  return (1_000 * answered) / (performance.now() - startedAt);
}

function mediansOf(rounds: readonly Round[]): Round & { ratio: number } {
  const medians = Object.fromEntries(
    measures.map((name) => [name, median(rounds.map((round) => round[name]))]),
  ) as Round;
  return { ...medians, ratio: median(rounds.map((round) => round.meanwhilePerSecond / round.quietPerSecond)) };
}

function describe(results: readonly Result[], load: number): string {
  const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  const header = ["regions", "code", "ladder ms", "metrics ms", "metrics kB", "list ms", "publish → prepared ms"];
  const more = ["rollout → KV ms", "rollback → KV ms", "edge quiet /s", "edge meanwhile /s", "ratio"];
  const rows = results.map((row) => [
    ...[row.regions, row.name, ms(row.ladderMs), ms(row.metricsMs), ms(row.metricsKb), ms(row.listMs)],
    ...[ms(row.preparedMs), ms(row.rolloutMs), ms(row.rollbackMs)],
    ...[row.quietPerSecond.toFixed(0), row.meanwhilePerSecond.toFixed(0), row.ratio.toFixed(2)],
  ]);
  return `${formatTable([[...header, ...more], ...rows])}\nLoad of this machine: ${load.toFixed(1)}.`;
}
