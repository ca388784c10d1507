import { beforeAll, describe, expect, it } from "vitest";
import { toBase64 } from "#core/bytes.ts";
import type { IssuedToken, NewContribution, OpenSums, RegionDetail } from "#core/contract/index.ts";
import type { ClassTotal } from "#core/head/contribution.ts";
import { addRow, emptySums, encodeSums } from "#core/head/sums.ts";
import type { SumsForAbove, SumsLimits } from "#objects/region/api.ts";
import { migrations as uplinkMigrations } from "#objects/uplink/migrations.ts";
import { Sharing } from "#objects/uplink/sharing.ts";
import { ContributedRegions } from "#objects/uplink/tables/contributed.ts";
import { SentSums } from "#objects/uplink/tables/sent.ts";
import { Settings } from "#objects/uplink/tables/settings.ts";
import { SharedRegions } from "#objects/uplink/tables/shared.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "contributed";
const policy = { keep: "all", truth: "complete" } as const;
const above = new TestRegion(model, "north");
const below = new TestRegion(model, "south");
let backbone: string;
let width: number;
let plant: string;

const pathOf = (id: string, of = model) => `/v1/models/${of}/regions/north/contributions/${id}`;
const put = (id: string, body: object, token = plant) => call("PUT", pathOf(id), { token, body });
const problemOf = async (response: Response) => [response.status, (await response.json<{ detail: string }>()).detail];

async function sums(region: TestRegion): Promise<{ bytes: Uint8Array; labels: number }> {
  const response = await expectOk(call("GET", `/v1/models/${region.model}/regions/${region.region}/sums`));
  return {
    bytes: new Uint8Array(await response.arrayBuffer()),
    labels: Number(response.headers.get("x-upriver-labels")),
  };
}

/** Sums of embeddings that are all ones, so many of each label. */
function contribution(labels: Record<string, number>, more: Partial<NewContribution> = {}): NewContribution {
  const names = Object.keys(labels);
  const made = emptySums(width, names.length);
  for (const [label, name] of names.entries()) {
    for (let i = 0; i < (labels[name] as number); i++) {
      addRow(made, { vector: Int16Array.from({ length: width }, () => 100 * (label + 1)), label, weight: 4 });
    }
  }
  return { revision: 1, backbone, labels: names, sums: toBase64(encodeSums(made)), ...more };
}

async function tokenOf(id: string, order: object): Promise<string> {
  const issued = await expectOk(call("POST", "/v1/tokens", { body: { id, ...order } }));
  return (await issued.json<IssuedToken>()).token;
}

beforeAll(async () => {
  const { manifest } = await publish({ model, policy });
  const { thin } = manifest as unknown as { thin: { backbone: { sha256: string }; head: { width: number } } };
  [backbone, width] = [thin.backbone.sha256, thin.head.width];
  plant = await tokenOf("plant", { scopes: ["rung", "contribute"], trusted: true });
  for (const region of [above, below]) {
    await region.teach(region.labelledQuestions(80));
    await region.retrain();
  }
});

describe("a contribution", () => {
  it("is in the region's sums, replaced exactly by a later one, and withdrawn bit for bit", async () => {
    const before = await sums(above);
    const own = await sums(below);
    const given = { revision: 3, backbone, labels: ["a", "b", "c"], sums: toBase64(own.bytes) };
    expect(await (await put("south", given)).json()).toMatchObject({
      changed: true,
      contribution: { owner: "plant", id: "south", labels: own.labels, isCounted: true, openLabels: [] },
    });
    const both = await sums(above);
    const plain = new Float64Array(before.bytes.buffer).map(
      (value, i) => value + (new Float64Array(own.bytes.buffer)[i] as number),
    );
    expect(both.bytes).toEqual(new Uint8Array(plain.buffer));
    expect(both.labels).toBe(before.labels + own.labels);
    // The same request again changes nothing; a later one replaces it.
    const again = await put("south", given);
    expect([again.status, (await again.json<{ changed: boolean }>()).changed]).toEqual([200, false]);
    expect((await put("south", contribution({ b: 5, a: 6 }, { revision: 4 }))).status).toBe(201);
    expect((await sums(above)).labels).toBe(before.labels + 11);
    expect(await problemOf(await put("south", given))).toEqual([
      409,
      "Expected a revision above 4, which was stored or withdrawn under this id; received 3.",
    ]);
    expect((await expectOk(call("DELETE", pathOf("south"), { token: plant }))).status).toBe(200);
    expect((await sums(above)).bytes).toEqual(before.bytes);
    // A request that comes late brings nothing back.
    expect((await put("south", contribution({ a: 5 }, { revision: 4 }))).status).toBe(409);
    const twice = await expectOk(call("DELETE", pathOf("south"), { token: plant }));
    expect(await twice.json()).toMatchObject({ changed: false, contribution: { labels: 0, backbone: null } });
  });

  it("trains the region's analytic head, judges nothing, and is listed", async () => {
    const analytic = async () => {
      const { report } = await above.retrain();
      return report as { train: number; candidates: { analytic: { validationLogLoss: number } } };
    };
    const before = await analytic();
    // Of labels that are all wrong.
    const { bytes } = await sums(below);
    const swapped = { revision: 10, backbone, labels: ["b", "a", "c"], sums: toBase64(bytes) };
    await expectOk(put("south", swapped));
    const after = await analytic();
    expect(after.train).toBe(before.train);
    expect(after.candidates.analytic.validationLogLoss).toBeGreaterThan(before.candidates.analytic.validationLogLoss);
    const detail = await (await expectOk(call("GET", `/v1/models/${model}/regions/north`))).json<RegionDetail>();
    expect(detail.state.contributions).toMatchObject({ contributors: 1 });
    expect(detail.contributions?.map(({ owner, id, isCounted }) => [owner, id, isCounted])).toEqual([
      ["plant", "south", true],
    ]);
    await expectOk(call("DELETE", pathOf("south"), { token: plant }));
    expect((await analytic()).candidates).toEqual(before.candidates);
  });

  it.each([
    [
      "of another backbone",
      409,
      /Expected sums over embeddings of backbone/,
      () => contribution({ a: 5 }, { backbone: "0".repeat(64) }),
    ],
    [
      "with a label that the model does not have",
      422,
      /labels.0.*one of the model's labels.*'tiger'/,
      () => contribution({ tiger: 5 }),
    ],
    ["with a label twice", 422, /each label once/, () => contribution({ a: 5, b: 5 }, { labels: ["a", "a"] })],
    [
      "of another size",
      422,
      /bytes, for \d+ values and 2 labels/,
      () => contribution({ a: 5 }, { labels: ["a", "b"] }),
    ],
    ["with a class of few labels", 422, /at least 5, of each class/, () => contribution({ a: 9, b: 2 })],
    ["without sums", 422, /sums/, () => contribution({ a: 5 }, { sums: "=" })],
  ])("%s is refused", async (_, status, message, given) => {
    const [got, detail] = await problemOf(await put("x", given()));
    expect([got, detail]).toEqual([status, expect.stringMatching(message)]);
  });

  it("has as many labels as its token may send, and trains nothing unless that is trusted", async () => {
    const device = await tokenOf("device", { scopes: ["ask", "contribute"], limits: { contributionLabels: 20 } });
    expect(await problemOf(await put("d1", contribution({ a: 21 }), device))).toEqual([
      422,
      expect.stringMatching(/at most 20 labels/),
    ]);
    const before = await sums(above);
    expect(await (await put("d1", contribution({ a: 20 }), device)).json()).toMatchObject({
      contribution: { isCounted: false },
    });
    expect(await sums(above)).toEqual(before);
    // What one token contributes another can't withdraw; an admin can.
    expect((await call("DELETE", pathOf("d1"), { token: plant })).status).toBe(404);
    expect((await call("DELETE", `${pathOf("d1")}?owner=device`, { token: plant })).status).toBe(403);
    // What a run has found so far is lost where it starts over: only for what it learns from.
    await above.rows("INSERT INTO run_state (run, name, value) VALUES ('a run', 'found', 'so far')");
    const found = () => above.rows("SELECT name FROM run_state WHERE run = 'a run'");
    expect((await call("DELETE", `${pathOf("d1")}?owner=device`)).status).toBe(200);
    expect(await found()).toEqual([{ name: "found" }]);
    await expectOk(put("south", contribution({ a: 5 }, { revision: 11 })));
    await expectOk(call("DELETE", pathOf("south"), { token: plant }));
    expect(await found()).toEqual([]);
    expect((await put("d1", contribution({ a: 5 }), "ask-token")).status).toBe(403);
    expect((await put(encodeURIComponent(" x"), contribution({ a: 5 }))).status).toBe(422);
  });

  it("is forgotten with its token", async () => {
    await expectOk(put("other", contribution({ a: 5 })));
    await expectOk(call("DELETE", `/v1/models/${model}/samples?owner=plant`));
    const { contributions } = await (
      await expectOk(call("GET", `/v1/models/${model}/regions/north`))
    ).json<RegionDetail>();
    expect(contributions?.filter(({ owner }) => owner === "plant")).toEqual([]);
  });
});

describe("what a region of a node may contribute", () => {
  const read = (sentThrough = 0, sent: SumsLimits["sent"] = []) =>
    below.inside((object) => object.sumsForAbove({ minLabels: 5, sentThrough, sent }));

  it("has no label without trust or from above, none of a class with few, and none that went up before", async () => {
    const before = await read();
    expect(new Uint8Array(before?.sums as ArrayBuffer)).toEqual((await sums(below)).bytes);
    const more = below.labelledQuestions(24, 31);
    await below.teach(more.slice(0, 4).map((one) => ({ ...one, label: "c" })));
    const stranger = await tokenOf("stranger", { scopes: ["rung", "teach"], trusted: false });
    const given = more.slice(4, 9).map(({ label, question: { at: _, ...question } }) => ({ label, question }));
    const body = { truths: given };
    await expectOk(call("POST", `/v1/models/${model}/truths`, { token: stranger, body }));
    const said = more.slice(20, 21).map(({ label, question: { at: _, ...question } }) => ({ label, question }));
    const ofPeople = { token: stranger, body: { truths: said, source: "human" } };
    expect((await call("POST", `/v1/models/${model}/truths`, ofPeople)).status).toBe(429);
    const fromAbove = more.slice(9, 19).map(({ label, question: { at: _, ...question } }) => ({ ...question, label }));
    for (const { id, label, instance } of fromAbove) {
      await below.inside((object) => object.recordHumanLabel({ id, label, instance, at: Date.now() }));
    }
    await below.retrain(Date.now() + 1_000);
    expect((await sums(below)).labels).toBeGreaterThan(before?.labels as number);
    expect(await read()).toMatchObject({ labels: before?.labels, forgotten: before?.forgotten });
    expect(new Uint8Array((await read())?.sums as ArrayBuffer)).toEqual(new Uint8Array(before?.sums as ArrayBuffer));
    expect(await read(1_000)).toMatchObject({ labels: 0, sums: null });
    await below.inside((object) => object.forgetQuestion(more[0]?.question.id as string, null));
    expect((await read())?.forgotten).toBeGreaterThan(before?.forgotten as number);
  });

  it("differs from what was sent before by no label of a class, or by at least 5", async () => {
    const before = await read();
    const sent = [{ backbone, classes: before?.classes ?? [] }];
    await below.teach(below.labelledQuestions(24, 77).slice(0, 3));
    await below.retrain(Date.now() + 2_000);
    expect((await read())?.labels).toBeGreaterThan(before?.labels as number);
    const after = await read(0, sent);
    expect(after).toMatchObject({ change: "none", labels: before?.labels });
    expect(new Uint8Array(after?.sums as ArrayBuffer)).toEqual(new Uint8Array(before?.sums as ArrayBuffer));
    const [first] = await below.rows(`SELECT s.id FROM samples s JOIN embeddings e ON e.number = s.number
      WHERE split = 'train' AND e.weight > 0 AND s.label = 'a' ORDER BY s.number LIMIT 1`);
    await below.inside((object) => object.forgetQuestion(first?.id as string, null));
    expect(await read(0, sent)).toMatchObject({ change: "few" });
  });
});

describe("the sums of a node", () => {
  it("leave a region above when they go to another one there, and when something that was in them is forgotten", async () => {
    const calls: string[] = [];
    const classes: ClassTotal[] = [["a", 9, "0"]];
    const now = { backbone, names: ["a"], labels: 9, forgotten: 0, classes, sums: new ArrayBuffer(8) };
    await new TestRegion(model, "node").inside(async (_, { storage }) => {
      for (const step of uplinkMigrations.slice(1)) step(storage.sql);
      let more: Pick<SumsForAbove, "above" | "change" | "forgotten"> = {
        above: "north",
        change: "enough",
        forgotten: 0,
      };
      let given: SumsLimits | null = null;
      const unused = null as never;
      const sharing = new Sharing({
        ...{ share: "sums", sumsSeconds: "0.001", taken: unused, registry: unused },
        jobs: { put: () => {}, bringForward: () => {} },
        contributed: new ContributedRegions(storage.sql),
        ...{
          shared: new SharedRegions(storage.sql),
          sent: new SentSums(storage.sql),
          settings: new Settings(storage.sql),
        },
        region: () => ({
          labelsForAbove: unused,
          sumsForAbove: async (limits) => {
            given = limits;
            return { ...now, ...more };
          },
        }),
        above: {
          async call(method, path) {
            calls.push(`${method} ${path.split("/regions/")[1]}`);
            return { status: 200, reply: null, detail: "" };
          },
        },
      });
      const key = JSON.stringify([model, "press"]);
      expect(await sharing.sendSums(key)).toBeNull();
      more = { above: "south", change: "none", forgotten: 0 };
      await scheduler.wait(2);
      expect(await sharing.sendSums(key)).toEqual(expect.any(Number));
      expect(await sharing.sendSums(key)).toBeNull();
      for (const forgotten of [0, 4, 4]) {
        more = { above: "south", change: "few", forgotten };
        await scheduler.wait(2);
        expect(await sharing.sendSums(key)).toBeNull();
      }
      // The rung above has seen what was withdrawn.
      expect(given).toMatchObject({ sent: [{ backbone, classes }] });
    });
    expect(calls).toEqual([
      "PUT north/contributions/press",
      "DELETE north/contributions/press",
      "PUT south/contributions/press",
      "DELETE south/contributions/press",
    ]);
  });
});

describe("a region with open labels", () => {
  const open = "contributed-open";

  it("adopts the labels that contributions bring, for all below, until they are withdrawn", async () => {
    await publish({ model: open, policy: { ...policy, labels: "open" } });
    const read = () => expectOk(call("GET", `/v1/models/${open}/regions/north/contributions`, { token: "ask-token" }));
    const [first, second] = [contribution({ tiger: 7, a: 5 }), contribution({ lion: 6, tiger: 5 })];
    expect(await (await read()).json()).toMatchObject({ labels: ["a", "b", "c"], counts: [0, 0, 0] });
    const given = await expectOk(call("PUT", pathOf("d1", open), { body: first }));
    expect(await given.json()).toMatchObject({ contribution: { openLabels: ["tiger"], isCounted: false } });
    await expectOk(call("PUT", pathOf("d2", open), { body: second }));
    const both = await (await read()).json<OpenSums>();
    expect(both).toMatchObject({ backbone, labels: ["a", "b", "c", "tiger", "lion"], counts: [5, 0, 0, 12, 6] });
    await expectOk(call("DELETE", pathOf("d1", open)));
    const left = await (await read()).json<OpenSums>();
    expect(left).toMatchObject({ labels: ["a", "b", "c", "lion", "tiger"], counts: [0, 0, 0, 6, 5] });
    expect(left.revision).toBeGreaterThan(both.revision);
    // One token leaves room for the others.
    const labels = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`label ${i}`, 5]));
    expect(await problemOf(await call("PUT", pathOf("d4", open), { body: contribution(labels) }))).toEqual([
      409,
      expect.stringMatching(/at most 50 labels/),
    ]);
    const opened = new TestRegion(open);
    await opened.rows(`INSERT INTO contribution_sums
      WITH RECURSIVE shards(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM shards WHERE n < 128)
      SELECT 'admin', 'large', n, zeroblob(1048576) FROM shards`);
    expect(await problemOf(await call("PUT", pathOf("d4", open), { body: contribution({ a: 5 }) }))).toEqual([
      429,
      expect.stringMatching(/134217728/),
    ]);
    await opened.rows("DELETE FROM contribution_sums WHERE id = 'large'");
    // Devices take what has another revision: it grows also where a token, or the region, is forgotten.
    await expectOk(call("PUT", pathOf("south", open), { token: plant, body: contribution({ a: 5 }) }));
    await expectOk(call("PUT", pathOf("d3", open), { body: contribution({ b: 5 }) }));
    const before = await (await read()).json<OpenSums>();
    // A region is known to its registry some moments after it began.
    await expect.poll(() => opened.rows("SELECT 1 FROM jobs WHERE kind = 'register'")).toEqual([]);
    await expectOk(call("DELETE", `/v1/models/${open}/samples?owner=plant`));
    const after = await (await read()).json<OpenSums>();
    expect(after.counts).toEqual([0, 5, 0, 6, 5]);
    expect(after.revision).toBeGreaterThan(before.revision);
    await expectOk(call("DELETE", `/v1/models/${open}/regions/north`));
    await expectOk(call("PUT", pathOf("d1", open), { body: contribution({ c: 5 }) }));
    const last = await (await read()).json<OpenSums>();
    expect(last.revision).toBeGreaterThan(after.revision);
    // All devices look: the contributions are added up once.
    await opened.rows("DELETE FROM contribution_sums");
    expect(await (await read()).json()).toEqual(last);
  });

  it("is what the recipe says; others show no sums", async () => {
    const refused = await call("GET", `/v1/models/${model}/regions/north/contributions`, { token: "ask-token" });
    expect(await problemOf(refused)).toEqual([409, expect.stringMatching(/policy says labels: open/)]);
  });
});
