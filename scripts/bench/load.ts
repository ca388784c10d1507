import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import autocannon from "autocannon";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import type { Answer, Policy } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { publish } from "#origin/publish.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { program as programOf } from "../local/process.ts";
import { type Credentials, makeSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { bundle, settingsOf } from "../local/workerd.ts";
import type { Flood, FloodOrder } from "./load/flood.worker.ts";
import { post } from "./load/post.ts";
import { startEdgeApart, startObjects } from "./load/runtimes.ts";
import { benchArtefact, benchInstance, benchModel } from "./model.ts";

interface Options {
  seconds: number;
  rounds: number;
  times: number;
  callers: number;
  json?: boolean;
}

interface Latencies {
  p50Ms: number;
  p99Ms: number;
}

/** What the edge answers: in the isolate that the flood reaches, and in another one, as a deployment has many. */
interface Edges {
  same: Latencies;
  other: Latencies;
}

/** One round: the edge's answers unloaded and beside the flood, what the flood got, and how long the region took to recover. */
interface Round {
  unloaded: Edges;
  loaded: Edges;
  flood: Flood;
  lost: number;
  recoveryMs: number;
}

/** Models that the edge does not accept: what a saturated region gives differs. */
const flooded: Record<string, Policy["whenSaturated"]> = { degrading: "answer", refusing: "refuse" };
const originDelayMs = 20;
const capacitySeconds = 5;
const capacityConnections = 64;
const probesPerSecond = 50;
/** Of one caller, what the tests of each round read at a time. */
const readsAtOnce = 16;
const probes = new Agent({ keepAlive: true, maxSockets: 64 });

/** `bench load`: floods two regions with several times what they answer, and measures the edge beside it. */
export function loadBench(program: Command): void {
  program
    .command("load")
    .description("ask several times what regions can answer, and measure what the edge answers beside that")
    .option("--seconds <n>", "duration of the flood, all rounds together", numberParser("--seconds", { above: 0 }), 60)
    .option("--rounds <n>", "rounds", numberParser("--rounds", { atLeast: 1, isWhole: true }), 3)
    .option("--times <n>", "how many times capacity is asked", numberParser("--times", { above: 0 }), 10)
    .option("--callers <n>", "tokens that ask", numberParser("--callers", { atLeast: 1, isWhole: true }), 16)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, times, callers, json }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-load-"));
  const origin = new Worker(programOf("scripts/bench/load/origin.worker"), { workerData: { delayMs: originDelayMs } });
  const originPort = await new Promise<number>((resolve) => origin.once("message", resolve));
  const ports = { objects: await freePort(), edge: await freePort(), other: await freePort() };
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${ports.objects}`, origin: "" });
  const tokens = Array.from({ length: callers }, (_, i) => `flood-token-${i}`);
  const entries = await Promise.all(
    [...tokens, "probe-token"].map(async (token) => ({ id: token, sha256: await sha256Hex(token), scopes: ["ask"] })),
  );
  const bundled = await bundle("wrangler.toml");
  const bindings = {
    ...{ ...(await settingsOf(bundled)), ...vars, NEXT_RUNG_URL: `http://127.0.0.1:${originPort}`, LOG_ANSWERS: "off" },
    UPRIVER_TOKENS: JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), ...entries]),
  };
  const runtimes = [await startObjects({ bundled, bindings, folder, port: ports.objects })];
  const url = `http://127.0.0.1:${ports.edge}`;
  const other = `http://127.0.0.1:${ports.other}`;
  try {
    await publishModels(credentials);
    runtimes.push(await startEdgeApart({ bundled, bindings, folder, port: ports.edge }, "edge"));
    runtimes.push(await startEdgeApart({ bundled, bindings, folder, port: ports.other }, "other"));
    const body = JSON.stringify({ instance: benchInstance });
    const capacity = await capacityOf(url, credentials.tokens.admin, body);
    const perSecond = Math.round(capacity * times);
    console.error(`capacity: ${capacity} questions a second; the flood asks ${perSecond}`);
    const measured: Round[] = [];
    for (let i = 1; i <= rounds; i++) {
      const order = { url, tokens, models: Object.keys(flooded), body, perSecond, seconds: seconds / rounds };
      const round = await measureRound(order, other);
      measured.push(round);
      console.error(`round ${i}: ${JSON.stringify({ ...round, flood: { ...round.flood, accepted: undefined } })}`);
    }
    const load = loadavg()[0] ?? 0;
    printResult(json, { capacity, perSecond, load, ...summaryOf(measured) }, () => describe(capacity, measured, load));
  } finally {
    for (const runtime of runtimes.reverse()) await runtime.dispose();
    await origin.terminate();
    probes.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

async function publishModels({ edge, tokens, signingKey }: Credentials): Promise<void> {
  const client = new UpriverClient({ url: edge, token: tokens.publish });
  const { draft, blobs } = await benchArtefact();
  await publishAs(client, { draft, blobs }, signingKey);
  for (const [model, whenSaturated] of Object.entries(flooded)) {
    const thin = { ...draft.thin, rule: { ...draft.thin.rule, threshold: 1.01 } };
    const ladder: Policy["ladder"] = ["edge", "region", "origin", "human"];
    const policy: Policy = { ...draft.policy, ladder, ...(whenSaturated ? { whenSaturated } : {}) };
    await publishAs(client, { draft: { ...draft, model, thin, policy }, blobs }, signingKey);
  }
}

async function publishAs(
  client: UpriverClient,
  artefact: Awaited<ReturnType<typeof benchArtefact>>,
  signingKey: Credentials["signingKey"],
): Promise<void> {
  const { model, version } = await publish(client, artefact, signingKey);
  await client.rollout(model, { version });
}

/** Measures how many questions a second both regions answer, of a caller without limits. */
async function capacityOf(url: string, token: string, body: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const requests = Object.keys(flooded).map((model) => ({ method: "POST" as const, path: `/v1/models/${model}/ask` }));
  const common = { url, headers, body, requests, connections: capacityConnections };
  await autocannon({ ...common, duration: 2 });
  const { requests: answered, non2xx, errors } = await autocannon({ ...common, duration: capacitySeconds });
  if (non2xx > 0 || errors > 0) throw new Error(`${non2xx} refused requests and ${errors} errors at ${url}`);
  return Math.round(answered.average);
}

async function measureRound(order: FloodOrder, other: string): Promise<Round> {
  const quietMs = 1_000 * Math.min(order.seconds, 10);
  const unloaded = await probeBoth(order, other, quietMs);
  const worker = new Worker(programOf("scripts/bench/load/flood.worker"), { workerData: order });
  const done = new Promise<Flood>((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const loaded = await probeBoth(order, other, 1_000 * order.seconds);
  const recoveryMs = await untilRecovered(order);
  const flood = await done;
  return { unloaded, loaded, flood, lost: await lostOf(order.url, flood), recoveryMs };
}

async function probeBoth({ url, body }: FloodOrder, other: string, ms: number): Promise<Edges> {
  const [same, apart] = await Promise.all([probe(url, body, ms), probe(other, body, ms)]);
  return { same, other: apart };
}

/** Asks what the edge accepts, at a fixed rate. */
async function probe(url: string, body: string, ms: number): Promise<Latencies> {
  const tookMs: number[] = [];
  const asked: Promise<void>[] = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    asked.push(
      timed(url, benchModel, body).then(({ ms: took, status, answer }) => {
        if (status !== 200 || !answer.accepted) throw new Error(`An accepted question got status ${status}.`);
        tookMs.push(took);
      }),
    );
    await wait(1_000 / probesPerSecond);
  }
  await Promise.all(asked);
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.min(tookMs.length - 1, Math.floor(share * tookMs.length))] as number;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Returns after how many ms a question that escalates is answered by the origin again, within a second. */
async function untilRecovered({ url, models, body }: FloodOrder): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const asked = await Promise.all(models.map((model) => timed(url, model, body)));
    const isRecovered = asked.every(
      ({ ms, status, answer }) => status === 200 && answer.rung === "origin" && ms < 1_000,
    );
    if (isRecovered) return performance.now() - startedAt;
    if (performance.now() - startedAt > 120_000) throw new Error("The regions did not recover within two minutes.");
    await wait(50);
  }
}

async function timed(url: string, model: string, body: string) {
  const startedAt = performance.now();
  const { status, text } = await post(probes, `${url}/v1/models/${model}/ask`, "probe-token", body);
  return { ms: performance.now() - startedAt, status, answer: JSON.parse(text) as Answer };
}

/** Counts the questions that were accepted with 2xx and can't be read, or are not answered in the end. */
async function lostOf(url: string, { accepted }: Flood): Promise<number> {
  let lost = 0;
  const left = accepted.values();
  const read = async () => {
    for (const { id, token } of left) {
      const headers = { authorization: `Bearer ${token}`, prefer: "wait=60" };
      const response = await fetch(`${url}/v1/questions/${encodeURIComponent(id)}`, { headers });
      const answer = (await response.json()) as Answer;
      if (response.status !== 200 || answer.status !== "answered") lost++;
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, read));
  return lost;
}

function summaryOf(rounds: readonly Round[]) {
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const sent = sum(({ flood }) => flood.sent);
  const share = (of: (flood: Flood) => number) => sum(({ flood }) => of(flood)) / sent;
  return {
    due: sum(({ flood }) => flood.due),
    sent,
    shares: {
      "429": share(({ statuses }) => statuses[429] ?? 0),
      "503": share(({ statuses }) => statuses[503] ?? 0),
      degraded: share(({ degraded }) => degraded),
      accepted: share(({ accepted }) => accepted.length),
      unanswered: share(({ unanswered }) => unanswered),
    },
    accepted: sum(({ flood }) => flood.accepted.length),
    lost: sum(({ lost }) => lost),
    recoveryMs: median(rounds.map(({ recoveryMs }) => recoveryMs)),
    edges: Object.fromEntries(
      (["same", "other"] as const).map((edge) => {
        const of = (when: "unloaded" | "loaded") => mediansOf(rounds.map((round) => round[when][edge]));
        const times = rounds.map(({ unloaded, loaded }) => ({
          p50Ms: loaded[edge].p50Ms / unloaded[edge].p50Ms,
          p99Ms: loaded[edge].p99Ms / unloaded[edge].p99Ms,
        }));
        return [edge, { unloaded: of("unloaded"), loaded: of("loaded"), times: mediansOf(times) }];
      }),
    ),
  };
}

function mediansOf(all: readonly Latencies[]): Latencies {
  return { p50Ms: median(all.map(({ p50Ms }) => p50Ms)), p99Ms: median(all.map(({ p99Ms }) => p99Ms)) };
}

function describe(capacity: number, rounds: readonly Round[], load: number): string {
  const { due, sent, shares, accepted, lost, recoveryMs, edges } = summaryOf(rounds);
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const latency = ({ p50Ms, p99Ms }: Latencies) => [p50Ms.toFixed(1), p99Ms.toFixed(1)];
  return [
    `Capacity ${capacity} questions a second; ${due} due, ${sent} sent. Load of this machine: ${load.toFixed(1)}.`,
    formatTable([["got", "share"], ...Object.entries(shares).map(([name, share]) => [name, percent(share)])]),
    formatTable([
      ["edge answers", "p50 ms", "p99 ms", "p50 ms in another isolate", "p99 ms"],
      ...(["unloaded", "loaded", "times"] as const).map((row) => {
        return [row, ...Object.values(edges).flatMap((edge) => latency(edge[row]))];
      }),
    ]),
    `Accepted with 2xx: ${accepted}; lost: ${lost}. Recovered after ${(recoveryMs / 1_000).toFixed(1)} s.`,
  ].join("\n\n");
}
