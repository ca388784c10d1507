import { performance } from "node:perf_hooks";
import autocannon from "autocannon";
import { median } from "../../local/median.ts";
import { cpuMsOf } from "../cpu.ts";

/** A request under load, the process that answers it, and how many questions it asks. */
export interface Target {
  url: string;
  headers: Record<string, string>;
  body: string | Buffer;
  questions?: number;
  /** Returns the process that answers; a restarted server has another one. */
  pid: () => number;
}

/** What a load gave: questions a second, their latency, and the CPU time of the server for each. */
export interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuMs: number;
}

/** Two targets under the same load, with the median of the rounds' ratios: of questions a second, and of CPU time. */
export interface Compared {
  connections: number;
  own: Load;
  other: Load;
  ratio: number;
  cpuRatio: number;
}

const warmUpSeconds = 1;

/** Loads two targets in turns. Round 0 warms both up and is not counted. */
export async function compare(
  name: string,
  { own, other }: { own: Target; other: Target },
  { connections, seconds, rounds }: { connections: number; seconds: number; rounds: number },
): Promise<Compared> {
  const measured: { own: Load; other: Load }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const length = round === 0 ? warmUpSeconds : seconds;
    const both = { own: await load(own, connections, length), other: await load(other, connections, length) };
    if (round === 0) continue;
    measured.push(both);
    const line = `${name}, ${connections} connections, round ${round}`;
    console.error(`${line}: ${both.own.perSecond} / ${both.other.perSecond} per second`);
  }
  const ratioOf = (field: "perSecond" | "cpuMs") => median(measured.map((both) => both.own[field] / both.other[field]));
  return {
    connections,
    own: medians(measured.map((both) => both.own)),
    other: medians(measured.map((both) => both.other)),
    ratio: ratioOf("perSecond"),
    cpuRatio: ratioOf("cpuMs"),
  };
}

async function load(target: Target, connections: number, duration: number): Promise<Load> {
  const { url, headers, body, questions = 1, pid } = target;
  const before = cpuMsOf(pid());
  const startedAt = performance.now();
  const { non2xx, errors, latency, requests } = await autocannon({
    ...{ url, method: "POST", headers, body, connections, duration },
  });
  if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} refused requests and ${errors} errors at ${url}`);
  const asked = questions * requests.total;
  return {
    perSecond: Math.round(asked / ((performance.now() - startedAt) / 1_000)),
    ...{ p50Ms: latency.p50, p99Ms: latency.p99 },
    cpuMs: (cpuMsOf(pid()) - before) / asked,
  };
}

/** Sends one request; returns how long its answer takes, in ms. */
export async function askOnce({ url, headers, body }: Target): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { method: "POST", headers, body: body as BodyInit });
  await response.text();
  if (!response.ok) throw new Error(`Status ${response.status} at ${url}`);
  return performance.now() - startedAt;
}

function medians(loads: readonly Load[]): Load {
  const of = (field: keyof Load) => median(loads.map((load) => load[field]));
  return { perSecond: of("perSecond"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms"), cpuMs: of("cpuMs") };
}
