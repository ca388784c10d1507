import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { regionObjectName } from "#objects/names.ts";
import type { RegionObject } from "#objects/region/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

beforeAll(async () => {
  for (const model of ["hard", "open", "shaky", "kept", "easy"]) await publish({ model });
});

const stubOf = (model: string, region = "north") =>
  env.REGION.get(env.REGION.idFromName(regionObjectName(model, region))) as DurableObjectStub<RegionObject>;

const fault = (model: string, kind: "down" | "slow" | "none") => fetch(`${env.NEXT_RUNG_URL}/fault/${model}/${kind}`);

describe("an origin that is down", () => {
  it("returns 202 within the deadline and the answer later, even when the object is evicted", async () => {
    await fault("shaky", "down");
    const response = await call("POST", "/v1/models/shaky/ask", {
      token: "ask-token",
      body: { instance: instance(1) },
    });
    const { id, status }: Answer = await response.json();
    expect([response.status, status]).toEqual([202, "open"]);
    await evictDurableObject(stubOf("shaky"));
    await fault("shaky", "none");
    const answer = await eventually(async () => {
      const later = await expectOk(call("GET", `/v1/questions/${id}`, { token: "ask-token" }));
      expect(later.status).toBe(200);
      return (await later.json()) as Answer;
    });
    expect(answer).toMatchObject({ id, status: "answered", rung: "origin" });
  });

  it("gives a waiting caller the answer as soon as it exists", async () => {
    await fault("shaky", "down");
    const { id } = await ask("shaky", { instance: instance(2) });
    const waiting = call("GET", `/v1/questions/${id}`, { token: "ask-token", headers: { prefer: "wait=20" } });
    await fault("shaky", "none");
    expect(await (await waiting).json()).toMatchObject({ id, status: "answered", rung: "origin" });
  });

  it("delays a caller no longer than the caller's deadline when it is slow", async () => {
    await fault("shaky", "slow");
    const { status, id } = await ask("shaky", { instance: instance(3), remainingMs: 200 });
    expect(status).toBe("open");
    await fault("shaky", "none");
    await eventually(async () => expect((await read(id)).status).toBe("answered"));
  });

  it("is not called after some failures in a row, and questions go to review", async () => {
    await fault("shaky", "down");
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) ids.push((await ask("shaky", { instance: { ...instance(i), region: "south" } })).id);
    const { regions } = await (await expectOk(call("GET", "/v1/models/shaky/regions?fresh=true"))).json<{
      regions: { region: string; breaker: string }[];
    }>();
    expect(regions.find(({ region }) => region === "south")?.breaker).toBe("open");
    // What its back-off would take a minute for: the last try has failed.
    await runInDurableObject(stubOf("shaky", "south"), (_, state) => {
      state.storage.sql.exec("UPDATE questions SET tries = 5, escalateAt = 0");
      state.storage.sql.exec("UPDATE jobs SET due = 0 WHERE kind = 'escalate'");
    });
    await runDurableObjectAlarm(stubOf("shaky", "south"));
    await fault("shaky", "none");
    const queue = await eventually(async () => {
      const { waiting } = await (await expectOk(call("GET", "/v1/models/shaky/review?limit=9"))).json<{
        waiting: number;
      }>();
      expect(waiting).toBe(ids.length);
      return waiting;
    });
    expect(queue).toBe(4);
  });
});

describe("a question that is open", () => {
  it("is answered once the edge accepts it, and leaves the queue", async () => {
    await publish({ model: "growing" });
    const question = { id: "growing~north~1", region: "north", instance: instance(1) };
    const asked = async () => (await ask("growing", { questions: [question] })) as unknown as { answers: Answer[] };
    expect((await asked()).answers[0]?.status).toBe("open");
    await publish({ model: "growing", version: 2, threshold: 0, policy: { keep: "all" } });
    expect((await asked()).answers[0]).toMatchObject({ status: "answered", rung: "edge", version: "2" });
    expect(await read(question.id)).toMatchObject({ status: "answered", version: "2" });
    await eventually(async () => {
      const queue = await expectOk(call("GET", "/v1/models/growing/review"));
      expect(await queue.json()).toMatchObject({ waiting: 0 });
    });
  });
});

describe("truths", () => {
  it("are stored once, in the split of the question; the same truth changes nothing", async () => {
    const { id } = await ask("kept", { instance: instance(1) });
    const teach = async (label: string) =>
      (await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label } }))).json();
    const first = await teach("a");
    expect(first).toMatchObject({ id, label: "a", source: "truth", changed: true });
    expect(await teach("a")).toEqual({ ...(first as object), changed: false });
    expect(await teach("b")).toMatchObject({ label: "b", changed: true });
    expect(await labels("kept")).toEqual([{ id, label: "b", source: "truth" }]);
  });

  it("replace human labels, and human labels do not replace them", async () => {
    const { id } = await ask("open", { instance: instance(1) });
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "a" } }));
    await runInDurableObject(stubOf("open"), (region) =>
      region.recordHumanLabel({ id, label: "c", instance: instance(1), at: 0 }),
    );
    expect((await labels("open")).find((row) => row.id === id)).toMatchObject({ label: "a", source: "truth" });
  });

  it("need the instance where the question is not stored; no inclusion probability is recorded", async () => {
    const id = "easy~north~unheard";
    await expectOk(call("POST", `/v1/questions/${id}/truth`, { body: { label: "a", instance: instance(1) } }));
    const inclusionProbability = await runInDurableObject(stubOf("easy"), (_, state) =>
      state.storage.sql.exec("SELECT inclusionProbability FROM samples").toArray(),
    );
    expect(inclusionProbability).toEqual([{ inclusionProbability: null }]);
  });

  it("are accepted from the token that asked and from an admin", async () => {
    const { id } = await ask("kept", { instance: instance(2) }, { token: "teach-token" });
    const path = `/v1/questions/${id}/truth`;
    expect((await call("POST", path, { token: "other-token", body: { label: "a" } })).status).toBe(404);
    expect((await call("POST", path, { token: "teach-token", body: { label: "a" } })).status).toBe(200);
  });

  it("are recorded in batches, all or none", async () => {
    const { id } = await ask("kept", { instance: { ...instance(3), region: "south" } });
    const good = { question: { instance: instance(4, "south") }, label: "c" };
    const taught = await expectOk(
      call("POST", "/v1/models/kept/truths", { body: { truths: [{ id, label: "a" }, good] } }),
    );
    expect(await taught.json()).toEqual({ accepted: 2, changed: 2 });
    const bad = { question: { instance: instance(5, "south") }, label: "z" };
    expect((await call("POST", "/v1/models/kept/truths", { body: { truths: [good, bad] } })).status).toBe(422);
    expect(await labels("kept", "south")).toHaveLength(2);
  });
});

describe("what is recorded when a question is asked", () => {
  it("is its split, group key, inclusion probability, and the embedding with its backbone", async () => {
    const { manifest } = await publish({ model: "recorded", threshold: 0, policy: { keep: "all", auditShare: 0.25 } });
    await ask("recorded", { instance: instance(1) });
    const rows = await runInDurableObject(stubOf("recorded"), (_, state) =>
      state.storage.sql
        .exec(
          "SELECT accepted, inclusionProbability, split, groupKey, id, backbone, length(embedding) AS bytes FROM questions",
        )
        .toArray(),
    );
    const { sha256, embedding } = manifest.thin.backbone;
    expect(rows).toEqual([
      {
        accepted: 1,
        inclusionProbability: 0.25,
        split: rows[0]?.split,
        groupKey: rows[0]?.id,
        id: rows[0]?.id,
        backbone: sha256,
        bytes: 2 * embedding.width,
      },
    ]);
    expect(["train", "validation", "calibration"]).toContain(rows[0]?.split);
  });

  it("is an audit for the configured share of edge answers, sent to review in the background", async () => {
    await publish({ model: "audited", threshold: 0, policy: { keep: "audited", auditShare: 0.5 } });
    const asked = await Promise.all(Array.from({ length: 40 }, (_, i) => ask("audited", { instance: instance(i) })));
    expect(asked.every(({ rung }) => rung === "edge")).toBe(true);
    await eventually(async () => {
      const { waiting } = await (await expectOk(call("GET", "/v1/models/audited/review"))).json<{ waiting: number }>();
      const [{ kept }] = (await runInDurableObject(stubOf("audited"), (_, state) =>
        state.storage.sql.exec("SELECT count(*) AS kept FROM questions WHERE audited = 1").toArray(),
      )) as [{ kept: number }];
      expect(waiting).toBe(kept);
      expect(kept).toBeGreaterThan(8);
      expect(kept).toBeLessThan(32);
    });
  });
});

async function read(id: string): Promise<Answer> {
  return (await expectOk(call("GET", `/v1/questions/${id}`))).json();
}

function labels(model: string, region = "north") {
  return runInDurableObject(stubOf(model, region), (_, state) =>
    state.storage.sql.exec("SELECT id, label, source FROM samples ORDER BY number").toArray(),
  );
}
