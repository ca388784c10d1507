import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { type Counts, type Ladder, rungs, type Series, seriesRangeNames, seriesRanges } from "#core/contract/index.ts";
import { countAnswer, noCounts } from "#core/counts.ts";
import { migrate } from "#objects/migrate.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { migrations } from "#objects/registry/migrations.ts";
import { SeriesTable } from "#objects/registry/tables/series.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const minuteMs = 60_000;
const start = Date.UTC(2026, 0, 1);

/** Counts with `questions` questions, each answered by the edge in 3 ms. */
function countsOf(questions: number): Counts {
  const counts = { ...noCounts(), questions };
  for (let i = 0; i < questions; i++) countAnswer(counts.rungs.edge, true, 3);
  return counts;
}

const registryOf = (name: string) =>
  env.REGISTRY.get(env.REGISTRY.idFromName(name)) as DurableObjectStub<RegistryObject>;

function inRegistry<T>(name: string, work: (storage: DurableObjectStorage) => T): Promise<T> {
  return runInDurableObject(registryOf(name), (_, { storage }) => work(storage));
}

async function seriesOf(model: string, range: string): Promise<Series> {
  return (await expectOk(call("GET", `/v1/models/${model}/series?range=${range}`))).json();
}

describe("a model's series", () => {
  it("has in each range what the ladder has counted, also after a region is forgotten", async () => {
    await publish({ model: "drawn", threshold: 1.01, policy: { ladder: ["edge", "region"] } });
    await ask("drawn", { instance: instance(1) });
    await ask("drawn", { instance: instance(2, "south") });
    const ladder = async () => {
      const { models } = await (await expectOk(call("GET", "/v1/ladder"))).json<Ladder>();
      return models.find(({ model }) => model === "drawn");
    };
    await eventually(async () => expect(await ladder()).toMatchObject({ questions: 2, regions: 2 }));
    const sums = () =>
      Promise.all(
        seriesRangeNames.map(async (range) => {
          const { steps } = await seriesOf("drawn", range);
          return steps.reduce((sum, { questions }) => sum + questions, 0);
        }),
      );
    expect(await sums()).toEqual([2, 2, 2, 2]);
    const { everyMs, steps } = await seriesOf("drawn", "hour");
    expect([everyMs, steps.length <= 2, steps.every(({ at }) => at % everyMs === 0)]).toEqual([minuteMs, true, true]);
    await new TestRegion("drawn", "south").forgetAll();
    expect((await ladder())?.questions).toBe(1);
    expect(await sums()).toEqual([2, 2, 2, 2]);
    expect((await call("GET", "/v1/models/drawn/series?range=year")).status).toBe(422);
  });

  it("does not show as new what a region counted long before its first report, as after a restore", async () => {
    const region = new TestRegion("drawn");
    const steps = async () => {
      const all = await Promise.all(seriesRangeNames.map((range) => seriesOf("drawn", range)));
      return all.map(({ steps }) => steps.reduce((sum, { questions }) => sum + questions, 0));
    };
    const report = await region.inside(async (object) => {
      return { base: 1, activity: object.counts(), state: await object.state(1) };
    });
    const before = await steps();
    await runInDurableObject(registryOf("drawn"), (object, { storage }) => {
      for (const name of ["late", "new"]) object.registerRegion(name);
      storage.sql.exec("UPDATE regions SET since = since - ? WHERE region = 'late'", 3600_000);
      object.report("late", { ...report, activity: { ...report.activity, region: "late" } });
    });
    expect(await steps()).toEqual(before);
    await registryOf("drawn").report("new", { ...report, activity: { ...report.activity, region: "new" } });
    expect(await steps()).toEqual(before.map((questions) => questions + 1));
  });

  it("counts once what comes while the clock is put back", async () => {
    const steps = await inRegistry("series-clock", ({ sql }) => {
      const table = new SeriesTable(sql);
      table.note(start, () => countsOf(0));
      table.note(start + 5 * minuteMs, () => countsOf(10));
      table.note(start + 2 * minuteMs, () => countsOf(20));
      return table.read("hour", start + 5 * minuteMs, countsOf(30));
    });
    expect(steps.map(({ counts }) => counts.questions)).toEqual([10, 0, 0, 0, 0, 20]);
  });

  it("shows what came in each step, nothing in an idle one, and only the steps of its range", async () => {
    const read = await inRegistry("series-steps", (storage) => {
      const table = new SeriesTable(storage.sql);
      let questions = 0;
      // Two questions in every third minute of three hours.
      for (let minute = 0; minute < 180; minute += 3) {
        table.note(start + minute * minuteMs, () => countsOf(questions));
        questions += 2;
      }
      const now = start + 179 * minuteMs;
      return {
        hour: table.read("hour", now, countsOf(questions)),
        day: table.read("day", now, countsOf(questions)),
        later: table.read("hour", now + 3600_000, countsOf(questions)),
      };
    });
    const questions = (steps: typeof read.hour) => steps.map(({ counts }) => counts.questions);
    expect(questions(read.hour)).toEqual(Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? 2 : 0)));
    expect(read.hour[0]?.at).toBe(start + 120 * minuteMs);
    expect([read.day.length, questions(read.day).reduce((sum, n) => sum + n, 0)]).toEqual([18, 120]);
    expect(read.hour[0]?.counts.rungs.edge.latency[2]).toBe(2);
    expect(read.later).toEqual([]);
  });

  it("takes less than 2 MB for a month, however much is counted, and writes a row a minute at most", async () => {
    const full = noCounts();
    for (const rung of rungs) {
      const large = full.rungs[rung];
      for (const key of ["answered", "accepted", "right", "wrong"] as const) large[key] = 987_654_321_987;
      large.latency = large.latency.map(() => 987_654_321_987);
      large.latencyMs = 987_654_321_987.123;
    }
    const [bytes, rows, written] = await inRegistry("series-large", ({ sql }) => {
      const table = new SeriesTable(sql);
      sql.exec("CREATE TABLE log (n INTEGER)");
      sql.exec("CREATE TRIGGER logged AFTER INSERT ON series BEGIN INSERT INTO log VALUES (1); END");
      // Ten changes in each of some minutes.
      for (let i = 0; i < 1_000; i++) table.note(start + 6_000 * i, () => full);
      const inMinutes = sql.exec<{ n: number }>("SELECT count(*) AS n FROM log").one().n;
      for (const range of seriesRangeNames.toReversed()) {
        const { everyMs, steps } = seriesRanges[range];
        const own = new SeriesTable(sql);
        for (let i = 0; i < steps; i++) own.note(start + 40 * 24 * 3600_000 - (steps - i) * everyMs, () => full);
      }
      const { bytes, rows } = sql
        .exec<{ bytes: number; rows: number }>("SELECT sum(length(value)) AS bytes, count(*) AS rows FROM series")
        .one();
      return [bytes, rows, inMinutes];
    });
    console.log(`a month of a model's series: ${bytes} bytes in ${rows} rows`);
    expect(rows).toBe(seriesRangeNames.reduce((sum, range) => sum + seriesRanges[range].steps, 0));
    expect(bytes).toBeLessThan(2 * 1024 * 1024);
    // 100 minutes, 10 steps of a day, 2 hours, and one of a month.
    expect(written).toBe(100 + 10 + 2 + 1);
  });

  it("starts with the first change after the migration", async () => {
    const steps = await inRegistry("series-migrated", (storage) => {
      for (const table of ["series", "webhooks", "alerts"]) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec("UPDATE schema SET migrations = 8");
      migrate(storage, migrations);
      const table = new SeriesTable(storage.sql);
      const before = table.read("hour", start, countsOf(70));
      table.note(start, () => countsOf(70));
      return [before, table.read("hour", start, countsOf(75))];
    });
    expect(steps).toMatchObject([[], [{ at: start, counts: { questions: 5 } }]]);
  });
});
