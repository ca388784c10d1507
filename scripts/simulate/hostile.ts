import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { OpenApi } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom } from "#origin/random.ts";
import { benchArtefact, benchModel } from "../bench/model.ts";
import { knownOf } from "../hostile/known.ts";
import { megabytesBelow } from "../hostile/memory.ts";
import { hostileRequests } from "../hostile/requests.ts";
import { type HostileOutcome, readAll, sendAll } from "../hostile/run.ts";
import { sender } from "../hostile/send.ts";
import { snapshot } from "../hostile/snapshot.ts";
import { type LocalLadder, startLadder } from "../local/ladder.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  requests: number;
  seed: number;
  json?: boolean;
}

const connections = 8;
const rounds = 5;

/** `simulate hostile`: seeded hostile requests over every route of a real ladder. */
export function hostileSimulation(program: Command): void {
  program
    .command("hostile")
    .description("send hostile requests to every route: no status of 500 or above, nothing stored, memory level")
    .option("--requests <n>", "how many", numberParser("--requests", { atLeast: rounds, isWhole: true }), 10_000)
    .option("--seed <n>", "which requests", numberParser("--seed", { atLeast: 0, isWhole: true }), 1)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ requests, seed, json }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-hostile-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const ladder = await startLadder({ folder, ports, recipe: null });
  const { credentials } = ladder;
  const { send, end } = sender(credentials.edge, connections);
  try {
    const publisher = ladder.client("publish");
    const { version } = await publish(publisher, await benchArtefact(), credentials.signingKey);
    await publisher.rollout(benchModel, { version });
    const document = (await (await fetch(`${credentials.edge}/openapi.json`)).json()) as OpenApi;
    const hostile = hostileRequests(document, knownOf(ladder), seededRandom(seed));
    await readAll(knownOf(ladder), credentials.tokens.admin, send);
    // What hostile reads make, such as copies of blobs in KV, is there before as well.
    await sendAll(hostileRequests(document, knownOf(ladder), seededRandom(seed + 1)), 300, connections, send);
    const before = await snapshot(credentials, [benchModel], folder);
    const bar = showProgress("sending", requests);
    const outcomes: HostileOutcome[] = [];
    const memory = [await megabytes()];
    for (let round = 0; round < rounds; round++) {
      const share = Math.round(((round + 1) * requests) / rounds) - Math.round((round * requests) / rounds);
      const sent = outcomes.reduce((sum, one) => sum + one.requests, 0);
      outcomes.push(await sendAll(hostile, share, connections, send, (n) => bar.update(sent + n)));
      memory.push(await megabytes());
    }
    bar.end();
    const atEdge = [...outcomes];
    outcomes.push(await attackOrigin(ladder, document, Math.ceil(requests / 10), seed));
    memory.push(await megabytes());
    const after = await snapshot(credentials, [benchModel], folder);
    const changed = Object.keys(after).filter((path) => after[path] !== before[path]);
    const failed = outcomes.flatMap((one) => one.failed);
    const statuses = merged(outcomes);
    const routes = new Set(atEdge.flatMap((one) => [...one.routes])).size;
    printResult(json, { requests, seed, routes, statuses, failed, changed, memory }, () =>
      describe(statuses, { requests, routes, failed, changed, memory }),
    );
    for (const path of changed)
      console.error(`${path}\n  before ${before[path]?.slice(0, 500)}\n  after  ${after[path]?.slice(0, 500)}`);
    if (failed.length > 0 || changed.length > 0) process.exitCode = 1;
  } finally {
    end();
    await ladder.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sends hostile requests to the routes of the origin, with the token of the edge. */
async function attackOrigin(
  ladder: LocalLadder,
  document: OpenApi,
  requests: number,
  seed: number,
): Promise<HostileOutcome> {
  const { origin, originToken } = ladder.credentials;
  const own = Object.entries(document.paths).filter(([path]) => originRoutes.test(path));
  const known = { ...knownOf(ladder), tokens: [originToken] };
  const hostile = hostileRequests({ ...document, paths: Object.fromEntries(own) }, known, seededRandom(seed));
  const { send, end } = sender(origin, connections);
  const outcome = await sendAll(hostile, requests, connections, send);
  end();
  return outcome;
}

const originRoutes = /^\/v1\/(status|models\/\{model\}\/(ask|trainings.*))$/;

type Statuses = HostileOutcome["statuses"];

function merged(outcomes: readonly HostileOutcome[]): Statuses {
  const all: Statuses = {};
  for (const [kind, counts] of outcomes.flatMap(({ statuses }) => Object.entries(statuses))) {
    const own = all[kind] ?? {};
    all[kind] = own;
    for (const [status, count] of Object.entries(counts)) own[Number(status)] = (own[Number(status)] ?? 0) + count;
  }
  return all;
}

async function megabytes(): Promise<Record<string, number>> {
  const all = Object.entries(await megabytesBelow(process.pid));
  return Object.fromEntries(all.map(([name, size]) => [name, Math.round(size)]));
}

function describe(
  statuses: Statuses,
  {
    requests,
    routes,
    failed,
    changed,
    memory,
  }: Record<"failed" | "changed", unknown[]> & {
    requests: number;
    routes: number;
    memory: Record<string, number>[];
  },
): string {
  const rows = Object.entries(statuses).map(([kind, counts]) => [
    kind,
    Object.entries(counts)
      .map(([status, count]) => `${status}: ${count}`)
      .join(", "),
  ]);
  const names = Object.keys(memory[0] ?? {});
  const sizes = names.map((name) => `${name} ${memory.map((one) => one[name] ?? "-").join(", ")} MB`);
  return [
    formatTable([["what is wrong", "statuses"], ...rows]),
    `${requests} requests over ${routes} routes: ${failed.length} failed, ${changed.length} lists changed`,
    `memory before and after each fifth, and after a tenth as many to the origin: ${sizes.join("; ")}`,
    ...failed.map((one) => JSON.stringify(one)),
  ].join("\n");
}
