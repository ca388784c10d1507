import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import autocannon from "autocannon";
import type { Command } from "commander";
import type { Answer } from "#core/contract/index.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { cpuMsOf } from "./cpu.ts";
import { type EscalatingLadder, startEscalatingLadder, thisCheckout } from "./escalate/ladder.ts";
import { benchInstance, benchModel } from "./model.ts";

interface Options {
  seconds: number;
  rounds: number;
  beside?: string;
  json?: boolean;
}

/** Questions that escalate: how many a request has, over how many regions, at how many connections. */
interface Load {
  batch: number;
  regions: number;
  connections: number;
}

/** What a load led to, by question. */
interface Measure {
  perSecond: number;
  workerdMs: number;
  originMs: number;
}

interface Rows {
  rowsRead: number;
  rowsWritten: number;
  alarms: number;
}

const loads: readonly Load[] = [
  { batch: 1, regions: 1, connections: 32 },
  { batch: 1, regions: 12, connections: 32 },
  { batch: 100, regions: 1, connections: 4 },
  { batch: 100, regions: 12, connections: 4 },
];
const regions = Array.from({ length: 12 }, (_, i) => `region-${i}`);
/** Requests whose rows are counted, one after another. */
const countedRequests = 20;

/** `bench escalate`: questions that escalate to the origin, one by one and in batches, to one region and to twelve. */
export function escalateBench(program: Command): void {
  program
    .command("escalate")
    .description("measure questions per second that escalate to the origin, their CPU time by process, and their rows")
    .option("--seconds <n>", "duration of each load", numberParser("--seconds", { above: 0 }), 4)
    .option("--rounds <n>", "rounds; medians are printed", numberParser("--rounds", { atLeast: 1, isWhole: true }), 3)
    .option("--beside <folder>", "a checkout of another commit, measured in turn")
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, beside, json }: Options): Promise<void> {
  const checkouts = [thisCheckout, ...(beside ? [resolve(beside)] : [])];
  const folder = await mkdtemp(join(tmpdir(), "upriver-escalate-"));
  const running: EscalatingLadder[] = [];
  try {
    for (const [i, checkout] of checkouts.entries()) {
      const own = { checkout, folder: join(folder, String(i)), regions, isCounting: false };
      running.push(await startEscalatingLadder(own));
    }
    const measured = loads.map(() => checkouts.map((): Measure[] => []));
    // Round 0 warms up and is not counted.
    for (let round = 0; round <= rounds; round++) {
      for (const [l, load] of loads.entries()) {
        for (const [c, ladder] of running.entries()) {
          const measure = await measureLoad(ladder, load, seconds);
          if (round > 0) measured[l]?.[c]?.push(measure);
        }
        const last = measured[l]?.map((all) => all.at(-1)?.perSecond ?? "–");
        if (round > 0) console.error(`round ${round}, ${nameOf(load)}: ${last?.join(" beside ")} per second`);
      }
    }
    while (running.length > 0) await running.pop()?.stop();
    const rows: Rows[][] = [];
    for (const [i, checkout] of checkouts.entries()) {
      rows.push(await countRows({ checkout, folder: join(folder, `rows-${i}`), regions, isCounting: true }));
    }
    const results = loads.map((load, l) => ({
      ...load,
      measures: (measured[l] ?? []).map(medians),
      ...(beside ? { times: timesOf(measured[l] ?? []) } : {}),
    }));
    const batches = [...new Set(loads.map(({ batch }) => batch))];
    const load = loadavg()[0] ?? 0;
    printResult(
      json,
      { load, results, rows: rows.map((all) => all.map((one, i) => ({ batch: batches[i], ...one }))) },
      () => describe(results, rows, batches, load),
    );
  } finally {
    for (const ladder of running) await ladder.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureLoad(ladder: EscalatingLadder, load: Load, duration: number): Promise<Measure> {
  const { url, pids } = ladder;
  const requests = bodiesOf(load).map((body) => ({ method: "POST" as const, path, headers: headersOf(ladder), body }));
  const before = [cpuMsOf(pids.workerd), cpuMsOf(pids.origin)];
  const result = await autocannon({ url, requests, connections: load.connections, duration, timeout: 30 });
  const after = [cpuMsOf(pids.workerd), cpuMsOf(pids.origin)];
  if (result.errors > 0 || result.non2xx > 0) {
    throw new Error(`${result.non2xx} refused requests and ${result.errors} errors at ${url}; expected none.`);
  }
  // A 202 says that the origin was too slow: its questions are answered later.
  const late = result.statusCodeStats?.["202"]?.count ?? 0;
  if (late > 0) console.error(`${late} of ${result.requests.total} requests were answered too late (${nameOf(load)})`);
  const questions = (result.requests.total - late) * load.batch;
  const [workerdMs, originMs] = after.map((ms, i) => (ms - (before[i] ?? 0)) / questions);
  return {
    perSecond: Math.round(questions / result.duration),
    workerdMs: workerdMs ?? 0,
    originMs: originMs ?? 0,
  };
}

/** Counts the rows of a question in each size of batch, alone and one after another. */
async function countRows(options: Parameters<typeof startEscalatingLadder>[0]): Promise<Rows[]> {
  const ladder = await startEscalatingLadder(options);
  try {
    const counted: Rows[] = [];
    for (const batch of new Set(loads.map((load) => load.batch))) {
      const [body = ""] = bodiesOf({ batch, regions: 1, connections: 1 });
      const ask = () => fetch(`${ladder.url}${path}`, { method: "POST", headers: headersOf(ladder), body });
      await ask();
      await ladder.countRows();
      for (let i = 0; i < countedRequests; i++) {
        const response = await ask();
        const { answers, ...answer } = (await response.json()) as Answer & { answers?: Answer[] };
        const isAnswered = (answers ?? [answer]).every(
          ({ rung, status }) => rung === "origin" && status === "answered",
        );
        if (!isAnswered) throw new Error(`The origin did not answer every question: status ${response.status}.`);
      }
      const { rowsRead, rowsWritten, alarms } = await ladder.rows();
      const questions = countedRequests * batch;
      counted.push({
        rowsRead: rowsRead / questions,
        rowsWritten: rowsWritten / questions,
        alarms: alarms / questions,
      });
    }
    return counted;
  } finally {
    await ladder.stop();
  }
}

const path = `/v1/models/${benchModel}/ask`;

function headersOf({ token }: EscalatingLadder): Record<string, string> {
  return { authorization: `Bearer ${token}`, "content-type": "application/json" };
}

/** A request for each region. */
function bodiesOf({ batch, regions: n }: Load): string[] {
  return regions.slice(0, n).map((region) => {
    const question = { instance: benchInstance, region };
    return JSON.stringify({ questions: Array.from({ length: batch }, () => question) });
  });
}

function medians(all: readonly Measure[]): Measure {
  return {
    perSecond: median(all.map(({ perSecond }) => perSecond)),
    workerdMs: median(all.map(({ workerdMs }) => workerdMs)),
    originMs: median(all.map(({ originMs }) => originMs)),
  };
}

/** How many times the throughput of the other checkout: the median over rounds. */
function timesOf([own = [], other = []]: readonly Measure[][]): number {
  return median(own.map(({ perSecond }, i) => perSecond / (other[i]?.perSecond ?? 1)));
}

function nameOf({ batch, regions: n }: Pick<Load, "batch" | "regions">): string {
  return `${batch === 1 ? "single" : `batches of ${batch}`}, ${n} region${n === 1 ? "" : "s"}`;
}

type Result = Load & { measures: Measure[]; times?: number };

function describe(results: readonly Result[], rows: readonly Rows[][], batches: readonly number[], load: number) {
  const cells = results.map(({ measures, times, ...one }) => [
    nameOf(one),
    ...measures.map(({ perSecond }) => perSecond),
    ...(times === undefined ? [] : [times.toFixed(2)]),
    ...measures.flatMap(({ workerdMs, originMs }) => [workerdMs.toFixed(2), originMs.toFixed(2)]),
  ]);
  const isBeside = rows.length > 1;
  const cpu = ["edge and region, CPU ms", "origin, CPU ms"];
  const other = isBeside ? cpu.map((name) => `${name}, beside`) : [];
  const header = ["questions", "a second", ...(isBeside ? ["beside", "times"] : []), ...cpu, ...other];
  const counted = rows.flatMap((all, i) =>
    all.map(({ rowsRead, rowsWritten, alarms }, b) => [
      `${nameOf({ batch: batches[b] ?? 1, regions: 1 })}${i > 0 ? ", beside" : ""}`,
      ...[rowsRead, rowsWritten, alarms].map((count) => count.toFixed(2)),
    ]),
  );
  return [
    formatTable([header, ...cells]),
    formatTable([["of a question, one request after another", "rows read", "rows written", "alarms set"], ...counted]),
    `Load of this machine: ${load.toFixed(1)}.`,
  ].join("\n\n");
}
