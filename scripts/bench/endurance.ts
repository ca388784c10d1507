import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { OpenApi } from "#core/contract/index.ts";
import { pick, seededRandom } from "#origin/random.ts";
import { knownOf } from "../hostile/known.ts";
import { megabytesBelow } from "../hostile/memory.ts";
import { hostileRequests } from "../hostile/requests.ts";
import { sender } from "../hostile/send.ts";
import { startLadder } from "../local/ladder.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { numberParser } from "../local/usage.ts";
import { MixedLoad } from "./mixed-load.ts";

interface Options {
  minutes: number;
  rate: number;
  seed: number;
  json?: boolean;
}

/** The resident memory of every process at one time. */
interface Look {
  minute: number;
  megabytes: Record<string, number>;
}

/** A process's memory over a run. */
interface Trend {
  process: string;
  startMb: number;
  settledMb: number;
  endMb: number;
  /** By least squares over the time after the process has settled. */
  mbPerMinute: number;
}

const model = "storefront";
const connections = 8;
const lookEveryMs = 10_000;
/** The first third of a run warms up: heaps and caches grow to their size. */
const warmUpShare = 1 / 3;

/** `bench endurance`: mixed load on the ladder of `npm start`, and the memory of each of its processes. */
export function enduranceBench(program: Command): void {
  program
    .command("endurance")
    .description("ask, read, teach, review, list and attack for a while; print each process's memory and its slope")
    .option("--minutes <n>", "how long", numberParser("--minutes", { above: 0 }), 30)
    .option("--rate <n>", "requests a second", numberParser("--rate", { above: 0 }), 60)
    .option("--seed <n>", "which requests", numberParser("--seed", { atLeast: 0, isWhole: true }), 1)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ minutes, rate, seed, json }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-endurance-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const ladder = await startLadder({ folder, ports, recipe: model, onProgress: (line) => console.error(line) });
  const { send, end } = sender(ladder.credentials.edge, connections);
  const close = async () => {
    end();
    await ladder.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void close().then(() => process.exit(1)));
  try {
    const document = (await (await fetch(`${ladder.credentials.edge}/openapi.json`)).json()) as OpenApi;
    const random = seededRandom(seed);
    const hostile = hostileRequests(document, knownOf(ladder, [model]), random);
    const load = await MixedLoad.of(ladder, model, { random, send, hostile: () => hostile.next().value });
    const looks = await looksDuring(minutes, rate, () => load.one(pick(random, load.mix)));
    const trends = trendsOf(looks, minutes);
    printResult(json, { minutes, rate, seed, counts: load.counts, failed: load.failed, trends, looks }, () =>
      describe(load, trends, looks, minutes),
    );
    if (load.failed.length > 0) process.exitCode = 1;
  } finally {
    await close();
  }
}

/** Sends requests at a rate for some minutes, and looks at the memory meanwhile. */
async function looksDuring(minutes: number, rate: number, one: () => Promise<void>): Promise<Look[]> {
  const startedAt = Date.now();
  const endsAt = startedAt + minutes * 60_000;
  const looks: Look[] = [];
  let sent = 0;
  const worker = async () => {
    while (Date.now() < endsAt) {
      // The next request is due when the rate says so; a ladder that is slower gets them one after another.
      const due = startedAt + (1_000 * sent++) / rate;
      if (due > Date.now()) await new Promise((resolve) => setTimeout(resolve, due - Date.now()));
      await one();
    }
  };
  const look = async () => {
    const megabytes = await megabytesBelow(process.pid);
    looks.push({ minute: (Date.now() - startedAt) / 60_000, megabytes });
    if (looks.length % 6 === 1) console.error(`${(looks.length / 6) | 0} min, ${sent} requests: ${shown(megabytes)}`);
  };
  await look();
  const timer = setInterval(() => void look(), lookEveryMs);
  await Promise.all(Array.from({ length: connections }, worker));
  clearInterval(timer);
  await look();
  return looks;
}

function trendsOf(looks: readonly Look[], minutes: number): Trend[] {
  const settled = looks.filter(({ minute }) => minute >= minutes * warmUpShare);
  const names = [...new Set(looks.flatMap(({ megabytes }) => Object.keys(megabytes)))];
  return names.map((name) => {
    const at = (look: Look | undefined) => Math.round(look?.megabytes[name] ?? 0);
    // A process may begin later, or end.
    const points = settled.flatMap(({ minute, megabytes }): [number, number][] => {
      const size = megabytes[name];
      return size === undefined ? [] : [[minute, size]];
    });
    const slope = slopeOf(points);
    return {
      process: name,
      startMb: at(looks[0]),
      settledMb: at(settled[0]),
      endMb: at(looks.at(-1)),
      mbPerMinute: slope,
    };
  });
}

/** The slope of a line through points, by least squares. */
function slopeOf(points: readonly [number, number][]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const spread = points.reduce((sum, [one]) => sum + (one - x) ** 2, 0);
  const both = points.reduce((sum, [one, other]) => sum + (one - x) * (other - y), 0);
  return spread === 0 ? 0 : both / spread;
}

function describe(
  { counts, failed }: MixedLoad,
  trends: readonly Trend[],
  looks: readonly Look[],
  minutes: number,
): string {
  const rows = trends.map(({ process: name, startMb, settledMb, endMb, mbPerMinute }) => [
    name,
    startMb,
    settledMb,
    endMb,
    mbPerMinute.toFixed(2),
  ]);
  const from = Math.round(minutes * warmUpShare);
  const header = ["process", "start, MB", `after ${from} min`, `after ${minutes} min`, "MB a minute from then on"];
  const kinds = Object.entries(counts).map(([kind, statuses]) => {
    const all = Object.entries(statuses).map(([status, count]) => `${status}: ${count}`);
    return [kind, all.join(", ")];
  });
  return [
    formatTable([["load", "statuses"], ...kinds]),
    formatTable([header, ...rows]),
    `${looks.length} looks; ${failed.length} replies with a status of 500 or above`,
    ...failed,
  ].join("\n");
}

function shown(megabytes: Record<string, number>): string {
  return Object.entries(megabytes)
    .map(([name, value]) => `${name} ${Math.round(value)} MB`)
    .join(", ");
}
