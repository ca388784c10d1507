import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileStorage } from "#client/device/files.ts";
import { type DeviceAnswer, DeviceError, type DeviceOptions, openDevice } from "#client/device/index.ts";
import type { ClassifyManifest, HeadManifest, OwnThin } from "#core/contract/index.ts";
import { generateKeys, sign } from "#core/sign.ts";
import { type DeviceServer, startDeviceServer } from "#scripts/local/device-server.ts";
import { testModel } from "../helpers/model.ts";
import { thinsModel } from "../helpers/thins-model.ts";
import { publishOn, type SharedLadder, sharedLadder } from "../journeys/ladder.ts";

const instance = (i: number) => ({
  region: "north",
  x0: Math.sin(i) * 2,
  x1: Math.cos(3 * i),
  x2: i / 40 - 1,
  x3: 0.5,
});
const instances = Array.from({ length: 80 }, (_, i) => instance(i));

const like = (i: number) => ({ region: "north", x0: -3 + i / 5, x1: 3 - i / 9, x2: -3 + i / 7, x3: 3 });

let ladder: SharedLadder;
let server: DeviceServer;
let folder: string;
let options: DeviceOptions;

beforeAll(async () => {
  [ladder, folder] = await Promise.all([sharedLadder(), mkdtemp(join(tmpdir(), "upriver-device-"))]);
  await publishOn(ladder, await testModel({ model: "on-device", hidden: [16, 24], threshold: 0.8, fullThreshold: 0 }));
  server = await startDeviceServer(ladder.credentials.edge, { withPage: false });
  options = { url: server.url, token: ladder.credentials.tokens.ask, model: "on-device", region: "north" };
});
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
  ladder?.check();
});

describe("a device in Node", () => {
  it("answers as the edge does, and escalates the rest, whose final answers come as events", async () => {
    const device = await openDevice(options);
    const finals = new Map<string, DeviceAnswer>();
    device.on("answer", (answer) => void finals.set(answer.id, answer));
    const answers = await device.askMany(instances);
    const edge = await ladder.client("ask").askMany("on-device", instances, { accept: "always" });
    for (const [i, { scores, accepted, rung, status }] of answers.entries()) {
      for (const [label, score] of Object.entries(scores))
        expect(score).toBeCloseTo(edge[i]?.scores[label] as number, 12);
      expect([accepted, rung, status]).toEqual([edge[i]?.accepted, "device", edge[i]?.accepted ? "answered" : "open"]);
    }
    const open = answers.filter(({ status }) => status === "open");
    expect(open.length).toBeGreaterThan(10);
    expect(open.length).toBeLessThan(70);
    const last = await device.wait(open.at(-1) as DeviceAnswer, { deadlineMs: 60_000 });
    expect(last).toMatchObject({ rung: "origin", status: "answered", accepted: true });
    await expect.poll(() => finals.size).toBe(open.length);
    const { counts, waiting } = await device.state();
    expect(waiting).toBe(0);
    expect(counts).toEqual({
      ...{ asked: 80, accepted: 80 - open.length, personal: 0 },
      ...{ escalated: open.length, answered: open.length },
    });
    await device.close();
  });

  it("starts from its files without a network, and sends what waits once there is one", async () => {
    const kept = { ...options, storage: await fileStorage(folder), updateSeconds: 3600 };
    await (await openDevice(kept)).close();
    server.setCut(true);
    const offline = await openDevice(kept);
    const asked = await offline.askMany(instances.slice(0, 20));
    const open = asked.filter(({ status }) => status === "open").map(({ id }) => id);
    expect(open.length).toBeGreaterThan(0);
    await expect(offline.update()).rejects.toThrow("did not answer");
    expect((await offline.state()).fault).toContain("did not answer");
    await offline.close();
    server.setCut(false);
    const online = await openDevice(kept);
    const finals: string[] = [];
    online.on("answer", ({ id }) => void finals.push(id));
    await expect.poll(() => finals.toSorted()).toEqual(open.toSorted());
    await online.close();
    expect(open.map((id) => server.delivered.get(id))).toEqual(open.map(() => 1));
  });

  it("refuses what other keys signed, and a state that is older than one that it saw", async () => {
    const keys = { publish: {}, deployment: {} };
    await expect(openDevice({ ...options, keys })).rejects.toThrow(DeviceError);
    let changed: object = {};
    const replayed: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith("/serving")) return response;
      return Response.json({ ...((await response.json()) as object), ...changed });
    };
    const parentAt = (revision: number) => {
      return { parent: { region: "world", pointer: { revision, head: null, rule: null } } };
    };
    const device = await openDevice({ ...options, fetch: replayed });
    expect(await device.update()).toBe(false);
    changed = { revision: 0 };
    await expect(device.update()).rejects.toThrow("that state is older");
    changed = parentAt(3);
    expect(await device.update()).toBe(true);
    changed = parentAt(2);
    await expect(device.update()).rejects.toThrow("parent's head has revision 2 above, and revision 3 was seen");
    expect((await device.ask(instance(1))).rung).toBe("device");
    await device.close();
  });

  it("runs the version's network for devices, by its own rule, unless its memory is too small for it", async () => {
    const model = "device-thin";
    const { manifest, blobs } = await thinsModel({ model, threshold: 2, memoryBytes: 1_000_000 });
    const own = manifest.thins?.node as OwnThin;
    const rule = { ...own.network.rule, threshold: 0 };
    const device = { ...own, prior: null, network: { ...own.network, rule } };
    await publishOn(ladder, { manifest: { ...manifest, thins: { device } }, blobs });
    const state = async (memoryMb: number) => {
      const opened = await openDevice({ ...options, model, memoryMb });
      const { accepted } = await opened.ask(instance(1), { escalate: false });
      const { isOwnThin, backbone } = await opened.state();
      await opened.close();
      return { accepted, isOwnThin, backbone };
    };
    expect(await state(48)).toEqual({ accepted: true, isOwnThin: true, backbone: device.network.backbone.sha256 });
    expect(await state(1)).toEqual({ accepted: false, isOwnThin: false, backbone: manifest.thin.backbone.sha256 });
  });

  it("runs no signed head of another region", async () => {
    const edge = ladder.client("ask");
    const manifest = (await edge.manifest("on-device")) as ClassifyManifest;
    const { signing, publicKeys } = await generateKeys("heads");
    const { backbone, head, rule } = manifest.thin;
    const signed = async (region: string) =>
      sign<HeadManifest>(
        {
          ...{ format: "upriver/2" as const, model: "on-device", base: manifest.version, region, number: 7 },
          ...{ backbone: backbone.sha256, head, rule, createdAt: new Date().toISOString() },
        },
        signing,
      );
    const versions = [];
    for (const region of ["north", "south"]) {
      const own = { revision: 1, head: await signed(region), rule: null };
      const serving: typeof fetch = async (input, init) => {
        const response = await fetch(input, init);
        if (!String(input).endsWith("/serving")) return response;
        return Response.json({ ...((await response.json()) as object), own, deploymentKeys: publicKeys });
      };
      const device = await openDevice({ ...options, fetch: serving });
      versions.push((await device.state()).version);
      await device.close();
    }
    expect(versions).toEqual([`${manifest.version}+north.7`, `${manifest.version}`]);
  });

  it("says which part of an instance does not match", async () => {
    const device = await openDevice(options);
    await expect(device.ask({ region: "north", x0: "warm" })).rejects.toThrow(/x0.*where.*expected/);
    await device.close();
  });

  it("runs the version that its region moves to", async () => {
    const device = await openDevice(options);
    const moved = new Promise((resolve) => device.on("update", resolve));
    await publishOn(
      ladder,
      await testModel({ model: "on-device", version: 2, hidden: [16, 24], seed: 9, threshold: 0.8, fullThreshold: 0 }),
    );
    await expect.poll(() => device.update(), { interval: 500 }).toBe(true);
    expect(await moved).toMatchObject({ version: "2" });
    expect((await device.ask(instance(1))).version).toBe("2");
    await device.close();
  });
});

describe("a device's own head", () => {
  it("learns a new label and corrects a known one, without a byte sent, and can be exported and forgotten", async () => {
    const device = await openDevice({ ...options, storage: await fileStorage(join(folder, "own")) });
    const before = await device.askMany(instances, { escalate: false });
    const sent = server.sentBytes();
    for (let i = 0; i < 5; i++)
      expect(await device.learn(like(i), "tiger")).toMatchObject({ isNew: true, examples: i + 1 });
    const answer = await device.ask(like(2.5), { escalate: false });
    expect(answer).toMatchObject({ label: "tiger", personal: true, certificate: null, rung: "device" });
    const after = await device.askMany(instances, { escalate: false });
    const same = after.filter(({ label }, i) => label === before[i]?.label).length;
    expect(same).toBeGreaterThan(50);
    const wrong = after.find(({ label }) => label !== "tiger") as DeviceAnswer;
    const right = wrong.label === "a" ? "b" : "a";
    const at = instances[after.indexOf(wrong)] as (typeof instances)[number];
    for (let i = 0; i < 3; i++) await device.learn({ ...at, x0: at.x0 + i / 100 }, right);
    expect((await device.ask(at, { escalate: false })).label).toBe(right);
    await device.learn(like(0), "lion");
    expect(await device.taught()).toEqual([
      { label: "tiger", isNew: true, examples: 4 },
      { label: right, isNew: false, examples: 3 },
      { label: "lion", isNew: true, examples: 1 },
    ]);
    expect(server.sentBytes()).toBe(sent);
    const exported = await device.export();
    const other = await openDevice(options);
    await other.import(exported);
    expect((await other.ask(like(2.5), { escalate: false })).label).toBe("tiger");
    await other.close();
    await device.forget("tiger");
    expect((await device.ask(like(2.5), { escalate: false })).label).not.toBe("tiger");
    await device.close();
    const again = await openDevice({ ...options, storage: await fileStorage(join(folder, "own")) });
    expect((await again.taught()).map(({ label }) => label)).toEqual([right, "lion"]);
    await again.close();
  });
});

describe("contributions of devices", () => {
  it("teach another device a label that the model does not have, until they are withdrawn bit for bit", async () => {
    const model = "open-device";
    const built = await testModel({ model, hidden: [16, 24], threshold: 0.8, policy: { labels: "open" } });
    await publishOn(ladder, built);
    const sums = async () => new Uint8Array(await ladder.client("publish").sums(model, "north"));
    const before = await sums();
    const token = ladder.credentials.tokens.contribute;
    const teacher = await openDevice({ ...options, model, token });
    const learner = await openDevice({ ...options, model });
    for (let i = 0; i < 4; i++) await teacher.learn(like(i), "tiger");
    await expect(teacher.contribute()).rejects.toThrow("needs 5 examples");
    expect(await teacher.withdraw()).toBe(false);
    for (let i = 4; i < 7; i++) await teacher.learn(like(i), "tiger");
    for (let i = 0; i < 2; i++) await teacher.learn(instance(i), "lion");
    const [given, again] = await Promise.all([teacher.contribute(), teacher.contribute()]);
    expect(given).toMatchObject({ examples: 7, labels: { tiger: 7 } });
    expect(again.id).toBe(given.id);
    expect((await learner.ask(like(2.5), { escalate: false })).label).not.toBe("tiger");
    expect(await learner.update()).toBe(true);
    expect((await learner.state()).labels).toEqual(["a", "b", "c", "tiger"]);
    const answer = await learner.ask(like(2.5), { escalate: false });
    expect(answer).toMatchObject({ label: "tiger", certificate: null });
    expect(answer.personal).toBeUndefined();
    expect(await teacher.withdraw()).toBe(true);
    expect(await sums()).toEqual(before);
    expect(await learner.update()).toBe(true);
    expect((await learner.state()).labels).toEqual(["a", "b", "c"]);
    await Promise.all([teacher.close(), learner.close()]);
  });
});
