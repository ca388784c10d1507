import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import type { Share } from "#core/contract/index.ts";
import type { Scope } from "#core/tokens.ts";
import { freePort } from "#scripts/local/ports.ts";
import { makeSecrets } from "#scripts/local/secrets.ts";
import { type RunningNode, startNode } from "#scripts/node/start.ts";
import { startServer } from "../helpers/http-server.ts";
import { testModel } from "../helpers/model.ts";
import { publishOn } from "./ladder.ts";

const model = "shared";
const instance = { region: "north", x0: 0.3, x1: 1, x2: -0.5, x3: null };
let folder: string;
let above: Awaited<ReturnType<typeof startServer>>;
/** What nodes sent to the rung above. */
const sent: { path: string; body: string }[] = [];
const running: RunningNode[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-share-"));
  above = await startServer(async (incoming, outgoing) => {
    let body = "";
    for await (const chunk of incoming) body += chunk;
    sent.push({ path: `${incoming.method} ${incoming.url}`, body });
    outgoing.writeHead(503).end();
  });
});
afterAll(async () => {
  await Promise.all(running.map((node) => node.stop()));
  above?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function clientsOf(share: Share) {
  const port = await freePort();
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const own = { NODE_ID: `node-${share}`, SHARE: share, NEXT_RUNG_URL: above.url, NEXT_RUNG_TOKEN: "t" };
  const settings = { ...vars, ...own, UPLINK_SECONDS: "1" };
  running.push(await startNode({ data: join(folder, share), host: "127.0.0.1", port, settings }));
  const client = (scope: Scope) => new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });
  const policy = { ladder: ["edge" as const, "region" as const, "origin" as const, "human" as const] };
  await publishOn({ client, credentials }, await testModel({ model, threshold: 1.01, policy }));
  return client;
}

describe("a node that may share", () => {
  it.each(["sums", "nothing"] as const)("%s asks its own people, and sends no instance up", async (share) => {
    const client = await clientsOf(share);
    sent.length = 0;
    const { id } = await client("ask").ask(model, instance);
    const reviewed = async () => (await client("review").review(model, { limit: 10 })).questions.map((one) => one.id);
    await expect.poll(reviewed).toEqual([id]);
    await client("review").answer(id, "b");
    expect(await client("ask").question(id)).toMatchObject({ status: "answered", label: "b", rung: "human" });
    // It still says that it lives.
    await expect.poll(() => sent.length).toBeGreaterThan(0);
    expect(sent.filter(({ path, body }) => path.includes("/ask") || body.includes("x1"))).toEqual([]);
  });

  it("samples asks the rung above", async () => {
    const client = await clientsOf("samples");
    sent.length = 0;
    await client("ask").ask(model, instance);
    await expect.poll(() => sent.some(({ path }) => path === `POST /v1/models/${model}/ask`)).toBe(true);
  });
});
