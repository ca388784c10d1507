import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { startLease } from "#core/budget/lease.ts";
import { addTrial } from "#core/confidence/trials.ts";
import { firstWindow } from "#core/confidence/window.ts";
import type { ExternalRung } from "#core/contract/index.ts";
import { noCounts } from "#core/counts.ts";
import { addRow, emptySums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { taskOf } from "#core/task/index.ts";
import { migrate } from "#objects/migrate.ts";
import { Worth } from "#objects/region/answering/worth.ts";
import type { StoredSample } from "#objects/region/api.ts";
import { Certificates } from "#objects/region/labels/certificates.ts";
import { Contributing } from "#objects/region/labels/contributing.ts";
import { LabelChecks } from "#objects/region/labels/label-checks.ts";
import { Splitting } from "#objects/region/labels/splitting.ts";
import { migrations } from "#objects/region/migrations.ts";
import { SumBins } from "#objects/region/tables/bins.ts";
import { CanaryAnswers } from "#objects/region/tables/canary-answers.ts";
import { CanaryHeads } from "#objects/region/tables/canary-heads.ts";
import { Checks } from "#objects/region/tables/checks.ts";
import { Contributions } from "#objects/region/tables/contributions.ts";
import { RegionCounter } from "#objects/region/tables/counts.ts";
import { Escalations } from "#objects/region/tables/escalations.ts";
import { ExternalRungs } from "#objects/region/tables/external-rungs.ts";
import { GroupKeys } from "#objects/region/tables/group-keys.ts";
import { GroupWindows } from "#objects/region/tables/group-windows.ts";
import { Leases } from "#objects/region/tables/leases.ts";
import { Questions, questionOf, type StoredQuestion } from "#objects/region/tables/questions.ts";
import { Runs } from "#objects/region/tables/runs.ts";
import { Samples } from "#objects/region/tables/samples.ts";
import { SumShards } from "#objects/region/tables/sums.ts";
import { PlannedLabels } from "#objects/region/tables/trials.ts";
import { Windows } from "#objects/region/tables/windows.ts";
import { testModel, testNumber } from "../helpers/model.ts";

let objects = 0;

/** Storage that holds what the first `count` migrations and the code of that time wrote. */
function withState<T>(
  count: number,
  write: (sql: SqlStorage) => void,
  work: (storage: DurableObjectStorage) => Promise<T>,
) {
  const stub = env.REGION.get(env.REGION.idFromName(`migrated~${++objects}`));
  return runInDurableObject(stub, async (_, { storage }) => {
    await storage.deleteAll();
    migrate(storage, migrations.slice(0, count));
    write(storage.sql);
    migrate(storage, migrations);
    return work(storage);
  });
}

function writeSample(sql: SqlStorage, number: number, groupKey: string): void {
  sql.exec(
    `INSERT INTO samples (number, id, instance, label, source, split, fold, groupKey, inclusionProbability, accepted,
       owner, at, labelledAt, revision) VALUES (?1, ?2, '{}', 'a', 'truth', 'train', 0, ?3, 1, 1, 'ask', ?1, ?1, ?1)`,
    ...[number, `q${number}`, groupKey],
  );
}

describe("a region's state of an earlier release", () => {
  it("with samples of many groups splits new ones by group at once", async () => {
    const write = (sql: SqlStorage) => {
      for (let i = 1; i <= 30; i++) writeSample(sql, i, String(i % 10));
    };
    const { manifest } = await testModel({ policy: { groupBy: { by: "time", days: 7 } } });
    const assigned = await withState(1, write, async ({ sql }) => {
      const splitting = new Splitting({ splitSecret: "secret", groupKeys: new GroupKeys(sql) });
      return splitting.assign(manifest, { id: "q", instance: {}, at: 0, content: "c" });
    });
    expect(assigned.groupKey).toBe("0");
  });

  it("without samples splits its first groups by content", async () => {
    const { manifest } = await testModel({ policy: { groupBy: { by: "time", days: 7 } } });
    const weekMs = 7 * 24 * 3600_000;
    const keys = await withState(
      1,
      () => {},
      async ({ sql }) => {
        const splitting = new Splitting({ splitSecret: "secret", groupKeys: new GroupKeys(sql) });
        const found = [];
        for (let week = 0; week < 9; week++) {
          const question = { id: `q${week}`, instance: {}, at: week * weekMs, content: `c${week}` };
          found.push(await splitting.assign(manifest, question));
        }
        return found;
      },
    );
    expect(keys.slice(0, 7).map(({ groupKey }) => groupKey)).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `${i}|c${i}`));
    expect(keys.slice(0, 7).every(({ split }) => split !== "calibration")).toBe(true);
    expect(keys.slice(7).map(({ groupKey }) => groupKey)).toEqual(["7", "8"]);
  });

  it("keeps its trials and its window: planned labels that come later are counted, without opinions", async () => {
    const window = firstWindow(0, 0.5);
    const counted = { ...window, trials: addTrial(window.trials, { inclusionProbability: 0.5, error: 0 }) };
    const write = (sql: SqlStorage) => {
      sql.exec("INSERT INTO windows (base, state, afterTrial) VALUES (1, ?, 0)", JSON.stringify(counted));
      sql.exec(
        `INSERT INTO trials (number, id, base, prediction, inclusionProbability, at, dueAt, error, window)
         VALUES (1, 'q1', 1, 'a', 0.5, 1, 9e15, 0, 1), (2, 'q2', 1, 'a', 0.5, 2, 9e15, NULL, NULL)`,
      );
    };
    const { manifest } = await testModel({ policy: { auditShare: 0.5, keep: "audited" } });
    const [verdict, rows] = await withState(1, write, async ({ sql }) => {
      const certificates = new Certificates({
        ...{ windows: new Windows(sql), trials: new PlannedLabels(sql), groups: new GroupWindows(sql) },
      });
      certificates.recordLabel(manifest, { id: "q2", isRight: false, source: "truth" });
      certificates.advance(manifest);
      certificates.recordLabel(manifest, { id: "q1", isRight: false, source: "truth" });
      const trials = sql.exec("SELECT number, planned, opinionShare, predicted, window FROM trials").toArray();
      return [certificates.verdict(manifest), trials] as const;
    });
    expect(verdict).toMatchObject({ labels: 2, mean: 1 });
    expect(rows).toEqual([
      { number: 1, planned: 1, opinionShare: null, predicted: null, window: 1 },
      { number: 2, planned: 1, opinionShare: null, predicted: 0, window: 1 },
    ]);
  });

  it("keeps its questions, which any label may answer", async () => {
    const answer = { id: "q1", status: "open", label: "a", scores: { a: 0.6, b: 0.4 } };
    const write = (sql: SqlStorage) => {
      sql.exec(
        `INSERT INTO questions (id, owner, base, instance, payload, at, receivedAt, expiresAt, accepted, audited,
           inclusionProbability, split, fold, groupKey, prediction, status, answer, opinions, escalateAt, route)
         VALUES ('q1', 'ask', 1, '{"x0":1}', 'hash', 1, 2, 9e15, 0, 0, 1, 'train', 0, 'q1', 'a', 'open', ?, '[]', 5,
           'escalate')`,
        JSON.stringify(answer),
      );
    };
    const [row, question] = await withState(5, write, async ({ sql }) => {
      const questions = new Questions(sql);
      const [due] = questions.dueToEscalate(5, 1) as [StoredQuestion];
      questions.insert({ ...due, id: "q2", candidates: ["b"], top: 1, expiresAt: 9e15, escalateAt: null });
      expect(questions.find("q2")).toMatchObject({ candidates: ["b"], top: 1 });
      return [due, questionOf(due, "north")] as const;
    });
    expect(row).toMatchObject({ id: "q1", payload: "hash", answer, candidates: null, top: null });
    expect(question).toEqual({ id: "q1", region: "north", instance: { x0: 1 }, at: 1 });
  });

  it("expires its questions in the order in which they came, and asks about none of them again", async () => {
    const write = (sql: SqlStorage) => {
      sql.exec("INSERT INTO counts (base, value) VALUES (1, ?)", JSON.stringify(noCounts()));
      for (const [i, status] of ["answered", "open", "answered", "answered", "open"].entries()) {
        sql.exec(
          `INSERT INTO questions (id, owner, base, instance, payload, at, receivedAt, expiresAt, accepted, audited,
             inclusionProbability, split, fold, groupKey, prediction, status, answer, opinions)
           VALUES (?1, 'ask', 1, '{}', 'hash', 1, ?2, ?2 + 100, 0, 0, 1, 'train', 0, '', 'a', ?3, ?4, '[]')`,
          ...[`q${i}`, i, status, JSON.stringify({ id: `q${i}`, status })],
        );
      }
    };
    await withState(14, write, async ({ sql }) => {
      const questions = new Questions(sql);
      const counts = new RegionCounter(sql, () => questions.settledThrough());
      expect(counts.savedThrough()).toBe(5);
      expect(questions.escalateLost(counts.savedThrough(), 1)).toBe(false);
      expect(questions.nextExpiry()).toBe(100);
      questions.expire(102);
      // An open one stays, and so does one that expires later.
      expect(sql.exec("SELECT id FROM questions").toArray()).toEqual([{ id: "q1" }, { id: "q3" }, { id: "q4" }]);
      expect(questions.nextExpiry()).toBe(101);
      const row = questions.find("q4") as StoredQuestion;
      questions.insert({ ...row, id: "q5", answer: { ...row.answer, id: "q5" } });
      expect(questions.escalateLost(counts.savedThrough(), 7)).toBe(true);
      expect(questions.dueToEscalate(7, 9).map(({ id }) => id)).toEqual(["q5"]);
    });
  });

  it("counts its open questions, whose owners may have any number of them with people", async () => {
    const write = (sql: SqlStorage) => {
      const parts = [
        ["open", "escalateAt", 5],
        ["open", "reviewAt", 5],
        ["open", "inReview", 1],
        ["answered", "inReview", 1],
      ] as const;
      for (const [i, [status, column, value]] of parts.entries()) {
        sql.exec(
          `INSERT INTO questions (id, owner, base, instance, payload, at, receivedAt, expiresAt, accepted, audited,
             inclusionProbability, split, fold, groupKey, prediction, status, answer, opinions, ${column})
           VALUES ('q${i}', 'ask', 1, '{}', 'hash', 1, 2, 9e15, 0, 0, 1, 'train', 0, 'q', 'a', ?1, ?2, '[]', ?3)`,
          ...[status, JSON.stringify({ id: `q${i}`, status }), value],
        );
      }
    };
    const rooms = await withState(11, write, async ({ sql }) => {
      const questions = new Questions(sql);
      const row = questions.find("q0") as StoredQuestion;
      expect(row.reviewLimit).toBeNull();
      const before = [3, 4].map((max) => questions.open.hasRoom("ask", 1, max));
      questions.setAnswer({ ...row.answer, status: "answered" });
      questions.insert({ ...row, id: "q9", owner: "other", reviewLimit: 7, expiresAt: 9e15, escalateAt: 1 });
      expect(questions.find("q9")?.reviewLimit).toBe(7);
      questions.remove("q1");
      return [before, [1, 2].map((max) => questions.open.hasRoom("ask", 1, max))];
    });
    expect(rooms).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  it("subtracts a class from earlier sums, and knows no bins for them", async () => {
    const row = { vector: Int16Array.from([3, -2]), label: 1, weight: 4 };
    const write = (sql: SqlStorage) => {
      const sums = emptySums(2, 3);
      addRow(sums, row);
      addRow(sums, { ...row, label: 2 });
      sql.exec("INSERT INTO sums VALUES ('b', 0, 0, ?)", encodeSums(sums).buffer);
    };
    const left = await withState(6, write, async ({ sql }) => {
      expect(new SumBins(sql).get("b")).toBeNull();
      const shards = new SumShards(sql);
      shards.subtract([{ ...row, backbone: "b", fold: 0 }]);
      new SumBins(sql).set("b", testNumber.bins);
      expect(new SumBins(sql).get("b")).toEqual(testNumber.bins);
      return shards.read("b", 0, 2, 3).values;
    });
    const expected = emptySums(2, 3);
    addRow(expected, { ...row, label: 2 });
    expect(left).toEqual(expected.values);
  });

  it("continues a canary's watch with the questions that wait for their labels, by the current heads", async () => {
    const head = { number: 3 };
    const week = `7|${"0a".repeat(32)}`;
    const write = (sql: SqlStorage) => {
      sql.exec("INSERT INTO canary (watch, stable, canary, labels) VALUES (4, 1, 2, ?)", '{"1":["a"],"2":["a"]}');
      sql.exec("INSERT INTO heads (base, revision, manifest, rule) VALUES (1, 6, ?, NULL)", JSON.stringify(head));
      for (const [id, groupKey] of [
        ["labelled", "6"],
        ["by-origin", "6"],
        ["of-stable", "7"],
        ["of-canary", week],
      ]) {
        sql.exec(
          `INSERT INTO questions (id, owner, base, instance, payload, at, receivedAt, expiresAt, accepted, audited,
             inclusionProbability, split, fold, groupKey, prediction, status, answer, opinions)
           VALUES (?, 'ask', 1, '{}', '', 0, 0, 0, 1, 1, 0.5, 'train', 0, ?, 'a', 'answered', '{}', '[]')`,
          ...[id as string, groupKey as string],
        );
      }
      sql.exec(
        `INSERT INTO canary_answers (id, base, version, accepted, prediction, scores, inclusionProbability, error, loss,
           source, labelled)
         VALUES ('labelled', 1, '1+north.3', 1, 'a', x'0000803f', 0.5, 0, 0.1, 'truth', 1),
           ('by-origin', 1, '1+north.3', 0, 'a', x'0000803f', 0.5, 1, 0.1, 'origin', NULL),
           ('of-stable', 1, '1+north.3', 1, 'a', x'0000803f', 0.5, NULL, NULL, NULL, NULL),
           ('of-canary', 2, '2', 1, 'a', x'0000803f', 0.5, NULL, NULL, NULL, NULL),
           ('forgotten 5', 2, '2', 1, '', NULL, 0.5, 0, 0.1, 'truth', 2)`,
      );
    };
    const task = taskOf({ labels: ["a", "b"] });
    const found = await withState(7, write, async ({ sql }) => {
      const canary = new CanaryAnswers(sql);
      const heads = new CanaryHeads(sql);
      const before = canary.report(0.5);
      const isDue = ["of-stable", "of-canary", "by-origin", "labelled"].map((id) =>
        canary.recordLabel(task, id, "a", "truth"),
      );
      const due = [canary.due(10)];
      for (const { id } of due[0] ?? []) canary.setOther(task, id, { accepted: false, prediction: "b" });
      due.push(canary.due(10));
      for (const { id } of due[1] ?? []) canary.setOther(task, id, { accepted: true, prediction: "a" });
      return { before, isDue, due, head: heads.get(1, 6).head, after: canary.report(0.5) };
    });
    expect(found.before).toMatchObject({ count: { planned: 3, labelled: 0, pairs: 0 }, sums: { pairs: 0 } });
    expect(found.isDue).toEqual([true, true, true, false]);
    expect(found.due.map((some) => some.map(({ id, otherRevision }) => [id, otherRevision]))).toEqual([
      [
        ["of-stable", 0],
        ["by-origin", 0],
      ],
      [["of-canary", 6]],
    ]);
    expect(found.head).toEqual(head);
    expect(found.after).toMatchObject({
      count: { pairs: 3, questions: 6, stable: { error: 0 }, canary: { error: expect.closeTo(2 / 3, 10) } },
      // The week of 'of-stable' is that of 'of-canary', whose key was made from its content.
      sums: { pairs: 3, groups: 2 },
    });
  });

  it("keeps what a rung above answered, and calibrates external rungs from now on", async () => {
    const above = { label: "a", scores: { a: 0.6, b: 0.3, c: 0.1 } };
    const write = (sql: SqlStorage) => {
      sql.exec(
        `INSERT INTO questions (id, owner, base, instance, payload, at, receivedAt, expiresAt, accepted, audited,
           inclusionProbability, split, fold, groupKey, prediction, status, answer, opinions, route, above)
         VALUES ('q1', 'ask', 1, '{"x0":1}', 'hash', 1, 2, 9e15, 0, 1, 1, 'train', 0, 'q1', 'a', 'answered', '{}', '[]',
           'escalate', ?)`,
        JSON.stringify(above),
      );
    };
    const rung: ExternalRung = { name: "jev", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest" };
    const { manifest } = await testModel({ policy: { above: [rung] } });
    const [before, after] = await withState(8, write, async ({ sql }) => {
      const external = new ExternalRungs(sql);
      const worth = new Worth({ region: "north", splitSecret: "secret", escalations: new Escalations(sql), external });
      const questions = new Questions(sql);
      worth.recordLabel(manifest, questions.find("q1") as StoredQuestion, "a", "truth");
      const before = external.get(rung);
      questions.setAbove("q1", { ...above, given: [{ rung: "jev", scores: [0.6, 0.3, 0.1] }] });
      worth.recordLabel(manifest, questions.find("q1") as StoredQuestion, "a", "truth");
      // Another model under the same name starts over.
      expect(external.get({ ...rung, model: "jev-next" }).calibration.labels).toBe(0);
      return [before, external.get(rung)] as const;
    });
    expect([before.calibration.labels, after.calibration.labels]).toEqual([0, 1]);
  });

  it("keeps what external rungs were asked and learned, and counts their prices from now on", async () => {
    const rung: ExternalRung = {
      ...{ name: "jev", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest" },
      price: { usdPerQuestion: 0.01 },
    };
    const before = { calibration: { labels: 3, losses: Array(32).fill(1) }, answered: 9, inputTokens: 900, usd: 0.09 };
    const unanswered = { failed: 1, late: 0, "rate-limited": 0, allowance: 0, rejected: 0, declined: 0 };
    const write = (sql: SqlStorage) => {
      const key = "jev system-one https://api.typesafe.ai jev-latest";
      sql.exec("INSERT INTO external_rungs VALUES (?, ?)", key, JSON.stringify({ ...before, unanswered }));
    };
    const found = await withState(9, write, async ({ sql }) => {
      const [external, leases] = [new ExternalRungs(sql), new Leases(sql)];
      external.learnHelp(rung, { confidence: 0.4, aboveRight: true, edgeRight: false });
      external.learnTokens(rung, { tokens: 100, bytes: 300 });
      const none = leases.latest();
      leases.set({ ...startLease("2026-11", "a"), spentUsd: 1, reservedUsd: 0.5 });
      leases.recover();
      return { state: external.get(rung), none, lease: leases.get("2026-11") };
    });
    expect(found.state).toMatchObject({ ...before, unanswered });
    expect(found.state.help.helped.reduce((sum, n) => sum + n, 0)).toBe(1);
    expect(found.none).toBeNull();
    expect(found.lease).toMatchObject({ spentUsd: 1.5, reservedUsd: 0 });
  });

  it("trusts every earlier label, as its owner's, and no later one of a token without trust", async () => {
    const write = (sql: SqlStorage) => {
      for (const number of [1, 2]) writeSample(sql, number, `${number}`);
      sql.exec(`INSERT INTO runs (id, base, status, at, startedAt, lastSample, phase, cursor)
        VALUES ('r', 1, 'running', 9, 9, 2, 'embed', '{}')`);
    };
    const found = await withState(10, write, async ({ sql }) => {
      const samples = new Samples(sql);
      const [first, run] = [samples.find("q1"), new Runs(sql).running("r")];
      const lie = { ...(first as StoredSample), label: "b", labelledBy: "stranger", trusted: false };
      const changed = [samples.record(lie), samples.record({ ...lie, id: "q3" })];
      return {
        first,
        run,
        changed,
        by: samples.byOwner(5),
        owned: samples.ownedBy("ask").map(({ id }) => id),
        evidence: samples.evidence(),
      };
    });
    expect(found.first).toMatchObject({ label: "a", owner: "ask", labelledBy: null, trusted: true });
    expect(found.run?.acceptedOwners).toBeNull();
    expect(found.changed).toEqual([null, 3]);
    expect(found.by).toEqual([
      { owner: "ask", trusted: true, samples: 2 },
      { owner: "stranger", trusted: false, samples: 1 },
    ]);
    expect([found.owned, found.evidence]).toEqual([["q1", "q2", "q3"], 2]);
  });

  it("has no contributions, and takes some beside the sums that it has", async () => {
    const own = emptySums(2, 2);
    addRow(own, { vector: Int16Array.of(3, -4), label: 1, weight: 4 });
    const write = (sql: SqlStorage) => {
      sql.exec("INSERT INTO sums VALUES ('b', 0, 0, ?)", encodeSums(own).buffer);
    };
    const found = await withState(15, write, async ({ sql }) => {
      const contributions = new Contributions(sql);
      const contributing = new Contributing({ contributions, transaction: (work) => work() });
      const before = contributions.totals();
      const given = { revision: 1, backbone: "b", width: 2, classes: 2, openLabels: [], trusted: true };
      contributing.contribute("plant", "north", { ...given, sums: encodeSums(own).buffer });
      const all = contributing.addCounted("b", new SumShards(sql).read("b", 0, 2, 2));
      return { before, after: contributions.totals(), labels: labelsIn(all) };
    });
    expect(found).toMatchObject({ before: { contributors: 0 }, after: { contributors: 1, labels: 1 }, labels: 2 });
  });

  it("has asked nobody to check a label, and asks about the samples that it has", async () => {
    const write = (sql: SqlStorage) => {
      for (const number of [1, 2]) writeSample(sql, number, `${number}`);
      sql.exec("UPDATE samples SET source = 'origin' WHERE id = 'q2'");
    };
    const found = await withState(16, write, async ({ sql }) => {
      const queued: string[] = [];
      const checks = new Checks(sql);
      const checking = new LabelChecks({
        ...{ region: "north", checks, questions: new Questions(sql), samples: new Samples(sql) },
        archive: { restore: async () => {} },
        review: () => ({
          enqueue: async (questions) => {
            queued.push(...questions.map(({ id }) => id));
            return [];
          },
        }),
        jobs: { put: () => {}, bringForward: () => {} },
        transaction: (work) => work(),
      });
      const before = checks.waiting();
      const sent = await checking.send(["q1", "q2"]);
      await checking.step();
      return { before, sent, queued, judged: ["q1", "q2"].map((id) => checks.find(id)?.judged) };
    });
    expect(found).toEqual({
      before: 0,
      sent: { ok: true, value: { sent: 2, waiting: 2 } },
      queued: ["q1", "q2"],
      judged: [true, false],
    });
  });
});
