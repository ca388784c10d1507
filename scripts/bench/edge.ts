import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import { publish } from "#origin/publish.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { type Credentials, makeSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { bundle, settingsOf, startWorkerd } from "../local/workerd.ts";
import { benchArtefact, benchInstance, benchModel } from "./model.ts";

interface Options {
  seconds: number;
  rounds: number;
  json?: boolean;
}

/** A worker under load: its address and the request that it receives. */
interface Target {
  url: string;
  headers: Record<string, string>;
  body: string;
}

interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

const connectionCounts = [1, 8, 32];
const starts = 3;

/** `bench edge`: measures questions answered at the edge beside a bare worker that runs the same tensors. */
export function edgeBench(program: Command): void {
  program
    .command("edge")
    .description(
      "measure questions per second at the edge beside a bare worker with the same tensors on the same workerd",
    )
    .option("--seconds <n>", "duration of each load", numberParser("--seconds", { above: 0 }), 4)
    .option(
      "--rounds <n>",
      "rounds of both; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      3,
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, json }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const ports = { edge: await freePort(), bare: await freePort() };
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${ports.edge}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const bindings = { ...(await settingsOf(bundled)), ...vars };
  const edgeWorker = { bundled, state: join(folder, "edge"), port: ports.edge, bindings };
  const bareWorker = {
    bundled: await bundle("scripts/bench/bare.toml"),
    state: join(folder, "bare"),
    port: ports.bare,
  };
  const edgeTarget: Target = {
    url: `${credentials.edge}/v1/models/${benchModel}/ask`,
    headers: { authorization: `Bearer ${credentials.tokens.ask}`, "content-type": "application/json" },
    body: JSON.stringify({ instance: benchInstance }),
  };
  const bareTarget: Target = { ...edgeTarget, url: `http://127.0.0.1:${ports.bare}/ask` };
  const running = { edge: await startWorkerd(edgeWorker), bare: await startWorkerd(bareWorker) };
  try {
    await publishBench(credentials);
    const loads = await measureLoads(edgeTarget, bareTarget, seconds, rounds);
    const firstMs = { edge: [] as number[], bare: [] as number[] };
    for (let i = 0; i < starts; i++) {
      await running.edge.stop();
      running.edge = await startWorkerd(edgeWorker);
      firstMs.edge.push(await askOnce(edgeTarget));
      await running.bare.stop();
      running.bare = await startWorkerd(bareWorker);
      firstMs.bare.push(await askOnce(bareTarget));
    }
    const firstQuestionMs = { edge: median(firstMs.edge), bare: median(firstMs.bare) };
    printResult(json, { loads, firstQuestionMs }, () => describe(loads, firstQuestionMs));
  } finally {
    await running.edge.stop();
    await running.bare.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureLoads(edge: Target, bare: Target, seconds: number, rounds: number) {
  const loads = [];
  for (const connections of connectionCounts) {
    const measured = { edge: [] as Load[], bare: [] as Load[] };
    // Round 0 warms both up and is not counted.
    for (let round = 0; round <= rounds; round++) {
      const length = round === 0 ? 1 : seconds;
      const [one, other] = [await load(edge, connections, length), await load(bare, connections, length)];
      if (round === 0) continue;
      measured.edge.push(one);
      measured.bare.push(other);
      console.error(`${connections} connections, round ${round}: ${one.perSecond} / ${other.perSecond} per second`);
    }
    const ratios = measured.edge.map(({ perSecond }, i) => perSecond / (measured.bare[i] as Load).perSecond);
    loads.push({ connections, edge: medians(measured.edge), bare: medians(measured.bare), ratio: median(ratios) });
  }
  return loads;
}

async function load({ url, headers, body }: Target, connections: number, duration: number): Promise<Load> {
  const result = await autocannon({ url, method: "POST", headers, body, connections, duration });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${result.non2xx} refused requests and ${result.errors} errors at ${url}`);
  }
  return { perSecond: Math.round(result.requests.average), p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
}

async function askOnce({ url, headers, body }: Target): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { method: "POST", headers, body });
  await response.text();
  if (!response.ok) throw new Error(`Status ${response.status} at ${url}`);
  return performance.now() - startedAt;
}

async function publishBench({ edge: url, tokens, signingKey }: Credentials): Promise<void> {
  const client = new UpriverClient({ url, token: tokens.publish });
  const { version } = await publish(client, await benchArtefact(), signingKey);
  await client.rollout(benchModel, { version });
}

function describe(loads: Awaited<ReturnType<typeof measureLoads>>, first: { edge: number; bare: number }): string {
  const rows = loads.map(({ connections, edge, bare, ratio }) => [
    ...[connections, edge.perSecond, bare.perSecond, ratio.toFixed(2)],
    ...[`${ms(edge.p50Ms)} / ${ms(edge.p99Ms)}`, `${ms(bare.p50Ms)} / ${ms(bare.p99Ms)}`],
  ]);
  const header = ["connections", "edge /s", "bare /s", "ratio", "edge p50 / p99 ms", "bare p50 / p99 ms"];
  const firsts = `First question to a new isolate: ${first.edge.toFixed(0)} ms (bare ${first.bare.toFixed(0)} ms)`;
  return `${formatTable([header, ...rows])}\n${firsts}`;
}

// autocannon reports whole milliseconds.
function ms(whole: number): string {
  return whole < 1 ? "<1" : String(whole);
}

function medians(loads: readonly Load[]): Load {
  return {
    perSecond: median(loads.map(({ perSecond }) => perSecond)),
    p50Ms: median(loads.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(loads.map(({ p99Ms }) => p99Ms)),
  };
}
