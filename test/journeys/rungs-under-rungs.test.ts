import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import type { RungName } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { stampsHeader } from "#core/rung/stamp.ts";
import type { Scope } from "#core/tokens.ts";
import { freePort } from "#scripts/local/ports.ts";
import { type Credentials, makeSecrets } from "#scripts/local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "#scripts/local/workerd.ts";
import { startServer } from "../helpers/http-server.ts";
import { testModel } from "../helpers/model.ts";
import { publishOn } from "./ladder.ts";

const never = 1.01;
const instance = { region: "north", x0: 0.3, x1: 1, x2: -0.5, x3: null };

/** An edge of its own, with a token at the other one. */
interface EdgeNode {
  client: (scope: Scope) => UpriverClient;
  credentials: Credentials;
  stop: () => Promise<void>;
}

let folder: string;
let lower: EdgeNode;
let upper: EdgeNode;
let proxy: Awaited<ReturnType<typeof startServer>>;
/** What went from the upper edge back to the lower one. */
const returned: string[] = [];
let isStripped = false;

/** Passes requests on to the lower edge; as from a node that knows no stamps, where these are stripped. */
function passOn(port: number) {
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { [stampsHeader]: stamps, ...others } = incoming.headers as Record<string, string>;
    const headers = {
      ...others,
      ...(isStripped || !stamps ? {} : { [stampsHeader]: stamps }),
      host: `127.0.0.1:${port}`,
    };
    const passed = send({ port, path: incoming.url, method: incoming.method, headers }, (reply) => {
      returned.push(`${reply.statusCode}`);
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(outgoing);
    });
    incoming.pipe(passed);
  };
}

async function startNode(
  id: string,
  port: number,
  above: { url: string; token: string },
  below: object,
): Promise<EdgeNode> {
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const tokens = JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), below]);
  const own = { NODE_ID: id, NEXT_RUNG_URL: above.url, NEXT_RUNG_TOKEN: above.token, UPRIVER_TOKENS: tokens };
  const bindings = { ...(await settingsOf(bundled)), ...vars, ...own, LOG_ANSWERS: "off" };
  const running = await startWorkerd({
    bundled,
    state: join(folder, id),
    port,
    bindings,
    onLog: (l) => console.log(id, l.slice(0, 400)),
  });
  const client = (scope: Scope) => new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });
  return { client, credentials, ...running };
}

const tokenOf = async (id: string, scopes: Scope[]) => ({ id, sha256: await sha256Hex(`token-of-${id}`), scopes });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-rungs-"));
  const ports = { lower: await freePort(), upper: await freePort() };
  proxy = await startServer(passOn(ports.lower));
  // Neither has the scope rung: `ask` alone, and an origin's scopes of earlier deployments.
  const below = { lower: await tokenOf("upper", ["ask", "publish"]), upper: await tokenOf("lower", ["ask"]) };
  const above = { url: `http://127.0.0.1:${ports.upper}`, token: "token-of-lower" };
  [lower, upper] = await Promise.all([
    startNode("lower", ports.lower, above, below.lower),
    startNode("upper", ports.upper, { url: proxy.url, token: "token-of-upper" }, below.upper),
  ]);
  const ladder: RungName[] = ["edge", "region", "origin"];
  for (const node of [lower, upper]) {
    const isUpper = node === upper;
    const models = [
      await testModel({ model: "shared", threshold: isUpper ? 0 : never, policy: { ladder } }),
      await testModel({ model: "circle", threshold: never, policy: { ladder } }),
    ];
    for (const model of models) await publishOn(node, model);
  }
});
afterAll(async () => {
  await Promise.all([lower?.stop(), upper?.stop()]);
  proxy?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("an edge under an edge", () => {
  it("gets answers with a token of the scope ask alone", async () => {
    const answer = await lower.client("ask").ask("shared", instance);
    expect(answer).toMatchObject({ status: "answered", accepted: true, rung: "edge", region: "north" });
    const traced = await lower.client("admin").ask("shared", { ...instance, x0: 2 }, { trace: true });
    expect(traced).toMatchObject({ accepted: true });
  });
});

describe("two edges that point at each other with tokens of the scope ask", () => {
  it.each([
    ["end a loop by the node's own stamp", false, "508"],
    ["end a loop by the id, which belongs to another, where a node passes no stamps", true, "409"],
  ])("%s, in time, after one round, and without opening a circuit", async (_, strips, status) => {
    isStripped = strips;
    returned.length = 0;
    const startedAt = Date.now();
    const asked = 5;
    for (let i = 0; i < asked; i++) {
      const answer = await lower.client("ask").ask("circle", { ...instance, x0: i + Number(strips) / 2 });
      expect(answer).toMatchObject({ status: "answered", accepted: false });
    }
    expect(Date.now() - startedAt).toBeLessThan(asked * 2_000);
    expect(returned).toEqual(Array(asked).fill(status));
    for (const node of [lower, upper]) {
      const { state } = await node.client("admin").region("circle", "north");
      expect([state.breaker, state.questions]).toEqual(["closed", { total: asked * (Number(strips) + 1), open: 0 }]);
    }
  });
});
