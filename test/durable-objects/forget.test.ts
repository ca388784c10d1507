import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";
import { SteppedRun } from "../helpers/stepped-run.ts";

const region = new TestRegion("forgetful");
const policy = { keep: "all", truth: "complete" } as const;

beforeAll(async () => {
  await publish({ model: region.model, threshold: 0.5, policy });
});

beforeEach(() => region.forgetAll());

const forget = (id: string, token = "admin-token") =>
  call("DELETE", `/v1/questions/${encodeURIComponent(id)}`, { token });

describe("a label", () => {
  it("counts once, however often it is sent and a retrain runs", async () => {
    await region.teach(region.labelledQuestions(80));
    await region.retrain();
    const once = await region.sums();
    expect(once.length).toBeGreaterThan(0);
    await region.teach(region.labelledQuestions(80));
    await region.retrain();
    await region.retrain();
    expect(await region.sums()).toEqual(once);
  });

  it("that is corrected moves the sums by exactly the difference", async () => {
    const labelled = region.labelledQuestions(80);
    await region.teach(labelled.map((question, i) => (i < 30 ? { ...question, label: "c" } : question)));
    await region.retrain();
    const wrong = await region.sums();
    await region.teach(labelled);
    await region.retrain();
    const corrected = await region.sums();
    await region.forgetAll();
    await region.teach(labelled);
    await region.retrain();
    expect(corrected).toEqual(await region.sums());
    expect(corrected).not.toEqual(wrong);
  });
});

describe("a forgotten question", () => {
  it("leaves the sums bit for bit as if it had never come, and no other trace", async () => {
    const labelled = region.labelledQuestions(60);
    const [first, second, ...rest] = labelled as [(typeof labelled)[0], (typeof labelled)[0], ...typeof labelled];
    await region.teach(rest);
    await region.retrain();
    const never = await region.sums();
    await region.forgetAll();
    await region.teach([...rest, { ...first, label: "c" }, second]);
    await region.retrain();
    await region.teach([first]);
    await region.retrain();
    for (const { question } of [first, second]) expect((await forget(question.id)).status).toBe(200);
    expect(await region.sums()).toEqual(never);
    for (const table of ["samples", "questions", "trials"]) {
      expect(
        await region.rows(`SELECT id FROM ${table} WHERE id IN (?, ?)`, first.question.id, second.question.id),
      ).toEqual([]);
    }
    const orphans = "SELECT count(*) AS n FROM embeddings WHERE number NOT IN (SELECT number FROM samples)";
    expect(await region.rows(orphans)).toEqual([{ n: 0 }]);
  });

  it("is reported once to every reader of samples", async () => {
    const labelled = region.labelledQuestions(5);
    await region.teach(labelled);
    const pull = async (since = "") => {
      const path = `/v1/models/${region.model}/samples${since && `?since=${encodeURIComponent(since)}`}`;
      const text = await (await expectOk(call("GET", path))).text();
      const lines = text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      // That the region was forgotten before each test is a line, too, once it ever had a sample.
      const own = lines.slice(0, -1).filter(({ forgotten }) => forgotten !== "region");
      return { lines: own, ...lines.at(-1) };
    };
    // The registry hears of a region a moment after its first label.
    const before = await eventually(async () => {
      const page = await pull();
      expect(page.lines).toHaveLength(labelled.length);
      return page;
    });
    expect(before.lines.map(({ id }: { id: string }) => id)).toEqual(labelled.map(({ question }) => question.id));
    expect(before.lines[0]).toMatchObject({ region: "north", label: labelled[0]?.label, source: "truth" });
    expect(before.lines[0]).toMatchObject({ owner: null, labelledBy: "admin" });
    expect(before.lines[0]).not.toHaveProperty("trusted");
    const id = labelled.at(-1)?.question.id as string;
    await expectOk(forget(id));
    const after = await pull(before.cursor);
    expect(after.lines).toMatchObject([{ region: "north", id, forgotten: true }]);
    expect((await pull(after.cursor)).lines).toEqual([]);
  });

  it("is deleted for its owner, in review and in a retrain in progress", async () => {
    const labelled = region.labelledQuestions(60);
    await region.teach(labelled.slice(1));
    const [{ question }] = labelled as [(typeof labelled)[0]];
    await region.ask([question.instance], [question.id]);
    await region.teach([{ id: question.id, label: "a" }]);
    const { id: run } = await region.inside(async (object, { storage }) => {
      const started = await object.startRetrain(1, 200_000, 0);
      await storage.deleteAlarm();
      return started;
    });
    await expectOk(forget(question.id));
    expect((await call("GET", `/v1/questions/${question.id}`)).status).toBe(404);
    expect(await region.rows("SELECT phase FROM runs WHERE id = ?", run)).toEqual([{ phase: "embed" }]);
  });

  it("is reported even when many are forgotten between two samples", async () => {
    const labelled = region.labelledQuestions(2);
    await region.teach(labelled.slice(0, 1));
    const [{ first }] = (await region.rows("SELECT revision AS first FROM samples")) as [{ first: number }];
    await region.rows(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
       INSERT INTO tombstones SELECT ? + i, 'gone-' || i FROM n`,
      first,
    );
    await region.teach(labelled.slice(1));
    const seen: number[] = [];
    await region.inside(async (object) => {
      for (let since = first - 1, isLast = false; !isLast; ) {
        const page = await object.samplesSince(since);
        seen.push(...[...page.samples, ...page.forgotten].map(({ revision }) => revision));
        ({ revision: since, isLast } = page);
      }
    });
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 2502 }, (_, i) => first + i));
  });

  it("is in no head and leaves nothing behind in any phase of a retrain", { timeout: 60_000 }, async () => {
    const labelled = region.labelledQuestions(120);
    await region.teach(labelled);
    const [{ id }] = (await region.rows("SELECT id FROM samples WHERE split = 'train' LIMIT 1")) as [{ id: string }];
    await region.forgetAll();
    await region.teach(labelled.filter(({ question }) => question.id !== id));
    const never = await SteppedRun.start(region);
    const steps = await never.finish();
    const { head } = await never.result();
    expect(head).toBeDefined();
    for (let at = 0; at < steps.length; at++) {
      // Steps between the first and the last of a phase are alike.
      if (steps[at] === "publish" || (steps[at] === steps[at - 1] && steps[at] === steps[at + 2])) continue;
      await region.forgetAll();
      await region.teach(
        labelled.map((question) => (question.question.id === id ? { ...question, label: "c" } : question)),
      );
      const run = await SteppedRun.start(region);
      for (let step = 0; step < at; step++) await run.step();
      await run.step((object) => object.forgetQuestion(id, null));
      await run.finish();
      const place = `forgotten during step ${at} (${steps[at]})`;
      expect((await run.result()).head, place).toBe(head);
      const orphans = "SELECT number FROM embeddings WHERE number NOT IN (SELECT number FROM samples)";
      expect(await region.rows(orphans), place).toEqual([]);
    }
  });

  it("is forgotten only with its owner's token; an unknown id changes nothing", async () => {
    const [question] = region.labelledQuestions(1) as [ReturnType<typeof region.labelledQuestions>[0]];
    await region.teach([question]);
    expect((await forget(`${region.model}~north~unknown`)).status).toBe(404);
    expect((await forget(question.question.id, "teach-token")).status).toBe(404);
    expect((await forget(question.question.id, "ask-token")).status).toBe(403);
    expect(await region.rows("SELECT count(*) AS n FROM samples")).toEqual([{ n: 1 }]);
  });
});

describe("a forgotten question that a person has", () => {
  const asked = new TestRegion("leased");
  const id = "leased~north~1";

  beforeAll(async () => {
    await publish({ model: asked.model, threshold: 1.01, policy: { ladder: ["edge", "region", "human"] } });
  });

  const waiting = async () =>
    (await (await call("GET", "/v1/models/leased/review?limit=9")).json<{ waiting: number }>()).waiting;

  it("leaves the queue, and a late answer does not restore it", async () => {
    await asked.ask([instance(1)], [id]);
    await eventually(async () => expect(await waiting()).toBe(1));
    await expectOk(forget(id));
    await eventually(async () => expect(await waiting()).toBe(0));
    await asked.inside((object) => object.recordHumanLabel({ id, label: "a", instance: instance(1), at: 1 }));
    expect(await asked.rows("SELECT id FROM samples")).toEqual([]);
  });
});
