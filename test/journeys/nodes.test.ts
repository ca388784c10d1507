import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DeviceAnswer } from "#client/device/index.ts";
import { UpriverClient } from "#client/index.ts";
import {
  type Answer,
  type ClassifyManifest,
  type Instance,
  ladderSchema,
  learningParts,
  type Manifest,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import type { Scope } from "#core/tokens.ts";
import { type DeviceServer, startDeviceServer } from "#scripts/local/device-server.ts";
import { DeviceTab } from "#scripts/local/device-tab.ts";
import { freePort } from "#scripts/local/ports.ts";
import { type Credentials, makeSecrets } from "#scripts/local/secrets.ts";
import { type RunningNode, startNode } from "#scripts/node/start.ts";
import { openBrowser } from "../helpers/browser.ts";
import { customRows } from "../helpers/custom-rows.ts";
import { startServer } from "../helpers/http-server.ts";
import { type ModelOptions, testModel } from "../helpers/model.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { publishOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const hasNoChromium = (await chromiumHere()) === undefined;
const never = 1.01;
const model = "chain";
const policy: NonNullable<ModelOptions["policy"]> = {
  ladder: ["edge", "region", "origin", "human"],
  // A threshold that is never reached would stay where control starts at it.
  learning: learningParts.filter((part) => part !== "control"),
  regions: { from: "field", name: "region", keys: ["north"], parent: "world", open: { perTokenPerDay: 100 } },
};

/** A rung with a token for each scope. */
interface TestRung {
  credentials: Credentials;
  client: (scope: Scope) => UpriverClient;
}

let folder: string;
/** The near edge, its regions, an origin and people. */
let edge: SharedLadder;
let plant: TestRung & { settings: Record<string, string>; port: number };
let line4: TestRung;
/** A device in Chromium under the line's node. */
let browser: Browser | undefined;
let underLine4: DeviceServer | undefined;
let device: DeviceTab;
const running = new Map<string, RunningNode>();
const logged: Record<string, string[]> = { plant: [], "line-4": [] };

/** What stands between the plant and the edge: it passes requests on, and can be cut, or change what comes back, or keep what goes up. */
let between: Awaited<ReturnType<typeof startServer>>;
let isCut = false;
let isRevoked = false;
let wentUp: string[] = [];
let forge: (path: string, reply: string) => string = (_, reply) => reply;

function passOn(port: number) {
  return (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (isCut) return void incoming.socket.destroy();
    if (isRevoked) return void outgoing.writeHead(401).end();
    const { url: path = "", method = "GET" } = incoming;
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` };
    const passed = send({ port, path, method, headers }, (reply) => {
      const parts: Buffer[] = [];
      reply.on("data", (part) => parts.push(part));
      reply.on("end", () => {
        const whole = Buffer.concat(parts);
        const isJson = String(reply.headers["content-type"]).includes("json");
        const body = isJson ? Buffer.from(forge(path, whole.toString())) : whole;
        const { "transfer-encoding": _, "content-length": __, "content-encoding": ___, ...kept } = reply.headers;
        outgoing.writeHead(reply.statusCode ?? 500, kept);
        outgoing.end(body);
      });
    });
    passed.on("error", () => incoming.socket.destroy());
    incoming.on("data", (part) => wentUp.push(String(part)));
    incoming.pipe(passed);
  };
}

function rungOf(credentials: Credentials): TestRung {
  const client = (scope: Scope) => new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });
  return { credentials, client };
}

/** The settings of a rung, and the token that the node below it has there. */
async function secretsOf(port: number, below: string) {
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const scopes = ["rung", "ask", "teach", "contribute"];
  const token = { id: below, sha256: await sha256Hex(`token-of-${below}`), scopes };
  const tokens = JSON.stringify([...JSON.parse(vars.UPRIVER_TOKENS), token]);
  return { credentials, vars: { ...vars, UPRIVER_TOKENS: tokens, LOG_ANSWERS: "off" } };
}

async function startPlant(id: string, port: number, settings: Record<string, string>): Promise<void> {
  const onLog = (line: string) => logged[id]?.push(line);
  running.set(id, await startNode({ data: join(folder, id), host: "127.0.0.1", port, settings, onLog }));
}

async function startTestNode(
  id: string,
  above: { url: string; token: string },
  publishKeys: Record<string, string>,
  below: string,
) {
  const port = await freePort();
  const { credentials, vars } = await secretsOf(port, below);
  const settings = {
    ...{ ...vars, NODE_ID: id, PUBLISH_KEYS: JSON.stringify(publishKeys), UPLINK_SECONDS: "1", SUMS_SECONDS: "1" },
    ...{ NEXT_RUNG_URL: above.url, NEXT_RUNG_TOKEN: above.token },
  };
  await startPlant(id, port, settings);
  return { ...rungOf(credentials), settings, port };
}

async function publishVersion(name: string, version: number): Promise<Manifest> {
  const made = await testModel({ model: name, version, seed: version, threshold: never, fullThreshold: never, policy });
  await publishOn(edge, made);
  return edge.client("ask").manifest(name, version);
}

const servedBy = (rung: TestRung, name = model) =>
  rung
    .client("ask")
    .model(name)
    .then(
      ({ pointer }) => pointer.stable,
      () => null,
    );
const uplinkOf = async (rung: TestRung) => ladderSchema.parse(await rung.client("metrics").ladder()).uplink;
const hard = (i: number) => ({ region: "press 7", x0: i, x1: 1, x2: -0.5, x3: null });
const isAnswered = ({ status }: Answer) => status === "answered";

/** Lets people at the edge label everything, until questions of a rung below are answered there. */
async function untilAnswered(
  rung: TestRung,
  ids: readonly string[],
  labelOf: (instance: Instance) => string,
): Promise<void> {
  const readAll = () => Promise.all(ids.map((id) => rung.client("ask").question(id)));
  const labelAndRead = async () => {
    const { questions } = await edge.client("review").review(model, { limit: 100 });
    await Promise.all(
      questions.map(({ id, instance }) => edge.client("review").answer(id, labelOf(instance as Instance))),
    );
    return (await readAll()).filter(isAnswered).length;
  };
  await expect.poll(labelAndRead).toBe(ids.length);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-nodes-"));
  edge = await sharedLadder();
  between = await startServer(passOn(Number(new URL(edge.credentials.edge).port)));
  await publishVersion(model, 1);
  await publishVersion(model, 2);
  const invited = await edge.client("admin").inviteNode("chain-plant");
  const enrolling = new UpriverClient({ url: edge.credentials.edge, token: invited.token });
  const { token, publishKeys } = await enrolling.enrolNode("chain-plant");
  // Others publish models on this ladder as well.
  await edge.client("admin").changeToken("chain-plant", { models: [model, "chain-forged", "chain-sound"] });
  plant = await startTestNode("plant", { url: between.url, token }, publishKeys, "line-4");
  const abovePlant = { url: plant.credentials.edge, token: "token-of-line-4" };
  line4 = await startTestNode("line-4", abovePlant, publishKeys, "nobody");
  if (hasNoChromium) return;
  [browser, underLine4] = await Promise.all([openBrowser(), startDeviceServer(line4.credentials.edge)]);
});
afterAll(async () => {
  await browser?.close();
  await underLine4?.stop();
  for (const node of running.values()) await node.stop();
  between?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("models come down", () => {
  it("through two nodes, under the number, the signature and the hashes that they have above", async () => {
    await expect.poll(() => servedBy(line4)).toBe(2);
    const above = await edge.client("ask").manifest(model);
    for (const node of [plant, line4]) {
      expect(await node.client("ask").manifest(model)).toEqual(above);
      const { thin } = above as ClassifyManifest;
      for (const { sha256 } of [thin.backbone.topology, ...thin.backbone.shards, thin.head.blob]) {
        expect(await sha256Hex(await node.client("ask").blob(sha256))).toBe(sha256);
      }
    }
    // Only what serves above comes down.
    const known = (await plant.client("ask").models()).find((one) => one.model === model);
    expect(known).toMatchObject({ model, versions: [2] });
  });

  it("again with each new version, and a region opens below that the model does not list", async () => {
    const answer = await line4.client("ask").ask(model, hard(0));
    expect(answer).toMatchObject({ region: "press 7", version: "2", status: "open" });
    const above = await publishVersion(model, 3);
    await expect.poll(() => servedBy(plant)).toBe(3);
    await expect.poll(() => servedBy(line4)).toBe(3);
    expect(await line4.client("ask").manifest(model)).toEqual(above);
  });

  it("except one that is not signed as it says, which stops no other", async () => {
    forge = (path, reply) => (path.includes("/chain-forged/manifest") ? reply.replace('"a"', '"z"') : reply);
    await publishVersion("chain-forged", 1);
    await publishVersion("chain-sound", 1);
    await expect.poll(() => servedBy(plant, "chain-sound")).toBe(1);
    const faultOf = async () => (await uplinkOf(plant))?.models.find((one) => one.model === "chain-forged")?.fault;
    await expect.poll(faultOf).toMatch(/signature/);
    expect(await servedBy(plant, "chain-forged")).toBeNull();
    expect(logged.plant?.join("\n")).toContain("version-not-taken");
  });

  it("except an older state of the pointer than one that was seen", async () => {
    forge = (path, reply) => {
      const older = reply.replace(/"revision":\d+/g, '"revision":1').replace(/"stable":3/g, '"stable":2');
      return path.startsWith("/v1/models") && !path.includes("manifest") ? older : reply;
    };
    await publishVersion("chain-sound", 2);
    const faultOf = async () => (await uplinkOf(plant))?.models.find((one) => one.model === model)?.fault;
    await expect.poll(faultOf).toMatch(/revision 1 of its pointer.*older/);
    expect(await servedBy(plant)).toBe(3);
    forge = (_, reply) => reply;
  });
});

describe("a hard question", () => {
  it("escalates through all rungs, and the label of a person above reaches the client that waits below", async () => {
    const asked = await line4.client("ask").ask(model, hard(1));
    expect(asked).toMatchObject({ status: "open", region: "press 7" });
    const waiting = line4.client("ask").question(asked.id, { waitSeconds: 60 });
    await untilAnswered(line4, [asked.id], () => "b");
    expect(await waiting).toMatchObject({
      id: asked.id,
      status: "answered",
      accepted: true,
      rung: "human",
      label: "b",
    });
    // It is of the parent above: nothing is opened there for a region of a node.
    expect((await edge.client("admin").regions(model)).map(({ region }) => region)).toEqual(["world"]);
    const labels = async () =>
      (await line4.client("metrics").ladder()).models.find((one) => one.model === model)?.labels;
    await expect.poll(async () => (await labels())?.human).toBeGreaterThan(0);
    expect(await labels()).toMatchObject({ origin: 0 });
  });

  it.skipIf(hasNoChromium)("of a device escalates through two nodes, edge, region and origin to a person", async () => {
    const { url } = underLine4 as DeviceServer;
    const token = line4.credentials.tokens.ask;
    device = await DeviceTab.open(browser as Browser, { url, token, model, region: "press 7" });
    const [asked] = (await device.ask([hard(2)])) as [DeviceAnswer];
    expect(asked).toMatchObject({ status: "open", rung: "device", region: "press 7" });
    await expect.poll(async () => (await device.state()).open).toBe(1);
    await untilAnswered(line4, [asked.id], () => "b");
    const final = { id: asked.id, status: "answered", accepted: true, rung: "human", label: "b" };
    await expect.poll(() => device.finals()).toMatchObject([final]);
  });
});

describe("while the line is cut", () => {
  it("a node answers as well as it can, and loses nothing; each question is delivered once", async () => {
    const before = (await edge.client("admin").region(model, "world")).state.questions.total;
    isCut = true;
    const n = 24;
    const asked: Answer[] = [];
    for (let i = 0; i < n; i++) {
      asked.push(await plant.client("ask").ask(model, hard(100 + i)));
      if (i !== n / 2) continue;
      process.kill(running.get("plant")?.pid as number, "SIGKILL");
      await running.get("plant")?.ended;
      await startPlant("plant", plant.port, plant.settings);
    }
    await expect.poll(async () => (await uplinkOf(plant))?.state).toBe("cut");
    const degraded = await Promise.all(asked.map(({ id }) => plant.client("ask").question(id)));
    expect(degraded.every((answer) => answer.status === "open" && answer.degraded)).toBe(true);
    isCut = false;
    const stored = async () => (await edge.client("admin").region(model, "world")).state.questions.total - before;
    await expect.poll(stored).toBe(n);
    const answers = asked.map(({ id }) => plant.client("ask").question(id, { waitSeconds: 60 }));
    await untilAnswered(
      plant,
      asked.map(({ id }) => id),
      () => "c",
    );
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: "answered", label: "c", rung: "human" });
      expect(answer.degraded).toBeUndefined();
    }
    expect(await stored()).toBe(n);
  });
});

describe("a node whose token was revoked", () => {
  it("serves what it has, says so, and goes on once it may", async () => {
    isRevoked = true;
    const readyz = async () => (await fetch(`${plant.credentials.edge}/readyz`)).json();
    await expect.poll(readyz).toMatchObject({ status: "ready", uplink: "revoked" });
    expect(await uplinkOf(plant)).toMatchObject({ state: "revoked", reason: expect.stringContaining("status 401") });
    // Open, or answered by the edge where a busy machine's region is late.
    expect(await plant.client("ask").ask(model, hard(200))).toMatchObject({ degraded: true });
    expect(await plant.client("ask").ask(model, hard(201), { accept: "always" })).toMatchObject({ version: "3" });
    expect(logged.plant?.filter((line) => line.includes("uplink-revoked"))).toHaveLength(1);
    isRevoked = false;
    await expect.poll(readyz).toMatchObject({ uplink: "connected" });
  });
});

describe("what people above have answered", () => {
  const labelOf = (instance: Instance) => (Number((instance as { x0: number }).x0) > 0 ? "a" : "b");
  const rows = (n: number, seed: number, region: string) => customRows(n, region, seed).map(({ instance }) => instance);

  it("teaches every rung that it passed: after their retrains each answers similar questions by itself", async () => {
    const asked = await line4.client("ask").askMany(model, rows(60, 21, "press 7"));
    await untilAnswered(
      line4,
      asked.map(({ id }) => id),
      labelOf,
    );
    const rungs: [TestRung, string][] = [
      [line4, "press 7"],
      [plant, "world"],
      [edge, "world"],
    ];
    const runs = rungs.map(([rung, region]) => rung.client("admin").retrain(model, region, { waitSeconds: 60 }));
    for (const run of await Promise.all(runs)) expect(run).toMatchObject({ status: "promoted" });
    for (const [rung, region] of rungs) {
      const like = rows(20, 22, region);
      const served = async () => (await rung.client("admin").ask(model, like[0] as Instance, { trace: true })).trace;
      await expect.poll(served).toContainEqual(expect.objectContaining({ version: `3+${region}.1` }));
      const answers = await rung.client("ask").askMany(model, like);
      const isRight = (one: Answer, i: number) => one.label === labelOf(like[i] as Instance);
      expect(answers.filter((one, i) => one.rung === "edge" && one.accepted && isRight(one, i)).length).toBeGreaterThan(
        10,
      );
    }
  });

  it.skipIf(hasNoChromium)("teaches the device below, which answers by itself, also without a network", async () => {
    const version = async () => {
      await device.update();
      return (await device.state()).version;
    };
    await expect.poll(version).toBe("3+press 7.1");
    underLine4?.setCut(true);
    const like = rows(20, 23, "press 7");
    const answers = await device.ask(like);
    underLine4?.setCut(false);
    const isRight = ({ label }: DeviceAnswer, i: number) => label === labelOf(like[i] as Instance);
    expect(answers.filter((one, i) => one.rung === "device" && one.accepted && isRight(one, i)).length).toBeGreaterThan(
      10,
    );
  });
});

describe("what is labelled on site", () => {
  it("goes up through both nodes as samples, each once", async () => {
    const taught = (i: number) => {
      const question = { id: `${model}~press%207~taught-${i}`, region: "press 7", instance: hard(300 + i) };
      return { label: "c", question };
    };
    const truths = [1, 2, 3].map(taught);
    await line4.client("teach").teachMany(model, { truths });
    const above = async (x0: number) => {
      const { lines } = await edge.client("admin").samples(model);
      return lines.filter((line) => "instance" in line && (line.instance as { x0?: number } | null)?.x0 === x0);
    };
    const own = { region: "world", label: "c", source: "truth", owner: "chain-plant" };
    await expect.poll(() => above(301)).toMatchObject([own]);
    // The same again changes nothing.
    const again = [...truths, taught(10)];
    await line4.client("teach").teachMany(model, { truths: again });
    await expect.poll(() => above(310)).toMatchObject([own]);
    expect((await Promise.all([301, 302, 303].map(above))).map((lines) => lines.length)).toEqual([1, 1, 1]);
  });

  it("goes up as exact sums alone where the node shares these, until they are withdrawn", async () => {
    const inNorth = async () => (await edge.client("admin").region(model, "north")).contributions ?? [];
    const before = await edge.client("publish").sums(model, "north");
    const restart = async (share: string) => {
      await running.get("plant")?.stop();
      await startPlant("plant", plant.port, { ...plant.settings, SHARE: share });
    };
    await restart("sums");
    wentUp = [];
    const truths = customRows(60, "north").map(({ instance, label }) => ({
      label,
      question: { region: "north", instance },
    }));
    await plant.client("teach").teachMany(model, { truths });
    await plant.client("admin").retrain(model, "north", { waitSeconds: 60 });
    await expect.poll(inNorth).toMatchObject([{ owner: "chain-plant", id: "north", isCounted: true }]);
    expect(await edge.client("publish").sums(model, "north")).toEqual(
      await plant.client("publish").sums(model, "north"),
    );
    const captured = wentUp.join("");
    expect(captured).toContain('"sums":');
    expect(captured).not.toMatch(/"x[0-3]"|"instance"/);
    await restart("nothing");
    await expect.poll(inNorth).toMatchObject([{ id: "north", labels: 0, backbone: null }]);
    expect(await edge.client("publish").sums(model, "north")).toEqual(before);
    await restart("samples");
  });
});
