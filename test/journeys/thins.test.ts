import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import type { ClassifyManifest, Instance, NetworkSpec } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { scoresOf } from "#core/head/head.ts";
import { encode } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Scope } from "#core/tokens.ts";
import { readFrom } from "#origin/train/score.ts";
import { freePort } from "#scripts/local/ports.ts";
import { makeSecrets } from "#scripts/local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "#scripts/local/workerd.ts";
import { customRows } from "../helpers/custom-rows.ts";
import type { TestModel } from "../helpers/model.ts";
import { thinsModel } from "../helpers/thins-model.ts";
import { rolloutOn } from "./ladder.ts";

type Rung = Awaited<ReturnType<typeof startRung>>;

let folder: string;
let built: TestModel;
let node: Rung;
let edge: Rung;

/** An edge of its own, which runs the thin network of a kind of rung. */
async function startRung(kind: "edge" | "node", port: number, above: { url: string; token: string }) {
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const below = { id: "below", sha256: await sha256Hex("token-of-node"), scopes: ["rung", "ask"] };
  const own = { NODE_ID: kind, RUNG_KIND: kind, NEXT_RUNG_URL: above.url, NEXT_RUNG_TOKEN: above.token };
  const tokens = { UPRIVER_TOKENS: JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), below]) };
  const bindings = { ...(await settingsOf(bundled)), ...vars, ...own, ...tokens, LOG_ANSWERS: "off" };
  const start = (of = kind) => {
    return startWorkerd({ bundled, state: join(folder, kind), port, bindings: { ...bindings, RUNG_KIND: of } });
  };
  let running = await start();
  const client = (scope: Scope) => new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });
  /** Starts it again as another kind. */
  const restart = async (of: "edge" | "node") => {
    await running.stop();
    running = await start(of);
  };
  return { client, credentials, restart, stop: () => running.stop() };
}

/** The scores of a network for an instance. */
async function scoresBy(spec: NetworkSpec, instance: object): Promise<number[]> {
  const { backbone, head } = await loadNetwork(await tfjsEngine(), spec, readFrom(built.blobs));
  const row = encode(spec.input, instance as never, { region: "north" });
  if (!row.ok) throw new Error(JSON.stringify(row.error));
  const scores = scoresOf(head, backbone.embed(row.value, 1), 0);
  backbone.release();
  return Array.from(scores);
}

beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-thins-"));
  const ports = { node: await freePort(), edge: await freePort() };
  const above = { url: `http://127.0.0.1:${ports.edge}`, token: "token-of-node" };
  [edge, node] = await Promise.all([
    startRung("edge", ports.edge, { url: "", token: "" }),
    startRung("node", ports.node, above),
  ]);
  const policy = { ladder: ["edge", "region", "origin"] as const, keep: "all" as const };
  built = await thinsModel({ threshold: 1.01, policy: { ...policy, ladder: [...policy.ladder] } });
  for (const rung of [edge, node]) {
    const { version: _, parent: __, createdAt: ___, signature: ____, ...draft } = built.manifest;
    await rolloutOn(rung, { draft, blobs: built.blobs });
  }
});
afterAll(async () => {
  await Promise.all([edge?.stop(), node?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const asked = { region: "north", x0: 0.3, x1: 1, x2: -0.5, x3: null };

describe("a version with a thin for nodes", () => {
  it("is served by each rung with the thin of its kind", async () => {
    const { thin, thins } = built.manifest as ClassifyManifest;
    for (const [rung, spec] of [
      [edge, thin],
      [node, thins?.node?.network],
    ] as const) {
      const { trace } = await rung.client("admin").ask("shop", asked, { trace: true });
      const own = trace?.find(({ head }) => head === "global")?.scores ?? [];
      const expected = await scoresBy(spec as NetworkSpec, asked);
      for (const [i, score] of own.entries()) expect(score).toBeCloseTo(expected[i] as number, 5);
      expect(own).toHaveLength(3);
    }
  });

  it("has heads at the node for the node's backbone, which answer there; a hop carries it to the edge, which ignores it", async () => {
    const { thin, thins } = built.manifest as ClassifyManifest;
    const own = thins?.node?.network.backbone.sha256;
    const client = node.client("admin");
    const rows = customRows(80);
    const truths = rows.map(({ instance, label }, i) => ({
      label,
      question: { id: `shop~north~taught-${i}`, region: "north", instance, at: 1_000 + i },
    }));
    const { edge: url, tokens } = node.credentials;
    const headers = { authorization: `Bearer ${tokens.admin}`, "content-type": "application/json" };
    const body = JSON.stringify({ truths, at: 100_000 });
    expect((await fetch(`${url}/v1/models/shop/truths`, { method: "POST", headers, body })).status).toBe(200);
    const run = await client.retrain("shop", "north", { at: 200_000, waitSeconds: 25 });
    expect(run).toMatchObject({ status: "promoted" });
    const { state } = await client.region("shop", "north");
    expect(state).toMatchObject({ base: 1, head: 1 });
    const regional = async (instance: Instance) => {
      const { trace } = await client.ask("shop", instance, { trace: true });
      return trace?.find(({ version }) => version === "1+north.1")?.scores;
    };
    await expect.poll(() => regional(asked), { timeout: 20_000 }).toBeDefined();
    const { labels } = built.manifest;
    const right = await Promise.all(
      rows.slice(0, 20).map(async ({ instance, label }) => {
        const scores = (await regional(instance)) ?? [];
        return labels[scores.indexOf(Math.max(...scores))] === label;
      }),
    );
    expect(right.filter(Boolean).length).toBeGreaterThan(15);
    const sums = `${url}/v1/models/shop/regions/north/sums?backbone=`;
    const reader = { headers: { authorization: `Bearer ${tokens.publish}` } };
    expect((await fetch(sums + own, reader)).status).toBe(200);
    expect((await fetch(sums + thin.backbone.sha256, reader)).status).toBe(409);
    // What went up was answered there by the edge's own thin.
    const counted = await edge.client("admin").region("shop", "north");
    expect(counted.state.head).toBeNull();
    expect(counted.state.questions.total).toBeGreaterThan(0);
  });

  it("applies no head that was learned on another thin, once the rung runs a different one, until the region has retrained", async () => {
    await node.restart("edge");
    const client = node.client("admin");
    const { trace, warnings } = await client.ask("shop", { ...asked, x0: 0.9 }, { trace: true });
    expect(trace?.map(({ version }) => version)).not.toContain("1+north.1");
    expect(warnings?.join(" ")).toMatch(/The global head answered .* it is for another backbone/);
    const expected = await scoresBy((built.manifest as ClassifyManifest).thin, { ...asked, x0: 0.9 });
    const scores = trace?.[0]?.scores ?? [];
    expect(scores).toHaveLength(expected.length);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(expected[i] as number, 5);
    const run = await client.retrain("shop", "north", { at: 300_000, waitSeconds: 25 });
    expect(run).toMatchObject({ status: "promoted" });
    expect((await client.region("shop", "north")).state.head).toBe(2);
  });
});
