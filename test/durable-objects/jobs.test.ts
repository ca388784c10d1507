import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createJobs, Jobs, type Lane, type Step } from "#objects/jobs.ts";
import { Outbox, versionKeys } from "#objects/registry/outbox.ts";

const lanes: Record<string, Lane> = { outbox: { atOnce: 4, first: versionKeys }, prepare: { atOnce: 8 } };
const names = (count: number) => Array.from({ length: count }, (_, i) => `region ${i}`);

/** Runs work with the storage of an object that has the table of jobs alone, and no alarm of its own. */
async function inObject<T>(name: string, work: (storage: DurableObjectStorage) => Promise<T>): Promise<T> {
  const stub = env.TOKENS.get(env.TOKENS.idFromName(`jobs-${name}`));
  return runInDurableObject(stub, async (_, { storage }) => {
    await storage.deleteAlarm();
    storage.sql.exec("DROP TABLE jobs");
    createJobs(storage.sql);
    storage.setAlarm = async () => {};
    return work(storage);
  });
}

describe("jobs with lanes", () => {
  it("run at once up to their bound, and the others one after another", async () => {
    const most = await inObject("bound", async (storage) => {
      const [now, most] = [new Map<string, number>(), new Map<string, number>()];
      const step =
        (kind: string): Step =>
        async () => {
          now.set(kind, (now.get(kind) ?? 0) + 1);
          most.set(kind, Math.max(most.get(kind) ?? 0, now.get(kind) as number));
          await scheduler.wait(2);
          now.set(kind, (now.get(kind) as number) - 1);
          return null;
        };
      const jobs = new Jobs(storage, { prepare: step("prepare"), copy: step("copy"), canary: step("copy") }, lanes);
      jobs.bringForward("prepare", names(50), Date.now());
      for (const name of names(3)) for (const kind of ["copy", "canary"]) jobs.put(kind, name, Date.now());
      await jobs.runDue();
      expect(jobs.keys("prepare").length + jobs.keys("copy").length).toBe(0);
      return most;
    });
    expect(Object.fromEntries(most)).toEqual({ prepare: 8, copy: 1 });
  });

  it("do not keep a pointer to versions waiting, whether they hang or are many", async () => {
    await inObject("prompt", async (storage) => {
      const { promise: end, resolve } = Promise.withResolvers<null>();
      const sent: string[] = [];
      const steps = {
        prepare: () => end,
        outbox: async (key: string) => {
          if (!key.startsWith(versionKeys)) return end;
          sent.push(key);
          return null;
        },
      };
      const jobs = new Jobs(storage, steps, lanes);
      jobs.bringForward("prepare", names(300), Date.now());
      jobs.bringForward("outbox", names(300), Date.now());
      const run = jobs.runDue();
      await scheduler.wait(10);
      jobs.put("outbox", `${versionKeys}model`, Date.now());
      await scheduler.wait(10);
      expect(sent).toEqual([`${versionKeys}model`]);
      resolve(null);
      await run;
    });
  });

  it("rest between two of a lane, and read those that wait in blocks", async () => {
    await inObject("resting", async (storage) => {
      const resting: Record<string, Lane> = { prepare: { atOnce: 8, restMs: 20 } };
      const started: number[] = [];
      const prepare = async () => {
        started.push(Date.now());
        return null;
      };
      const jobs = new Jobs(storage, { prepare }, resting);
      jobs.bringForward("prepare", names(32), Date.now());
      let reads = 0;
      const { exec } = storage.sql;
      storage.sql.exec = ((query: string, ...values: unknown[]) => {
        if (query.includes("+due")) reads++;
        return exec.call(storage.sql, query, ...values);
      }) as typeof exec;
      await jobs.runDue();
      expect(started).toHaveLength(32);
      expect((started.at(-1) as number) - (started[0] as number)).toBeGreaterThanOrEqual(50);
      expect(reads).toBeLessThan(20);
    });
  });

  it("are tried again later where they fail, and harm no other", async () => {
    await inObject("failing", async (storage) => {
      const done: string[] = [];
      const prepare = async (key: string) => {
        if (key === "region 3") throw new Error("no reply");
        done.push(key);
        return null;
      };
      const jobs = new Jobs(storage, { prepare }, lanes);
      jobs.bringForward("prepare", names(20), Date.now());
      await jobs.runDue();
      expect(done).toHaveLength(19);
      expect(jobs.keys("prepare")).toEqual(["region 3"]);
      expect(jobs.dueOf("prepare", "region 3")).toBeGreaterThan(Date.now());
    });
  });
});

describe("the outbox", () => {
  it("writes the newest value alone where KV refuses a second write to a key within a second", async () => {
    await inObject("outbox", async (storage) => {
      storage.sql.exec("CREATE TABLE outbox (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
      const written: string[] = [];
      const refused: string[] = [];
      let lastAt = 0;
      const put = async (_: string, value: string) => {
        await scheduler.wait(1);
        if (Date.now() - lastAt < 1_000) {
          refused.push(value);
          throw new Error("KV PUT failed: 429 Too Many Requests");
        }
        lastAt = Date.now();
        written.push(value);
      };
      const made = () => {
        const jobs: Jobs = new Jobs(storage, { outbox: (key) => outbox.send(key) }, lanes);
        const outbox = new Outbox({ sql: storage.sql, kv: { put } as unknown as KVNamespace, jobs });
        return { jobs, outbox };
      };
      const key = `${versionKeys}model`;
      const first = made();
      first.outbox.put(key, 1);
      await first.jobs.runDue();
      // Another instance of the object does not know when the last one wrote.
      const { jobs, outbox } = made();
      outbox.put(key, 2);
      await jobs.runDue();
      expect([written, refused]).toEqual([["1"], ["2"]]);
      for (const value of [3, 4]) outbox.put(key, value);
      while (jobs.keys("outbox").length > 0) {
        await scheduler.wait(50);
        await jobs.runDue();
      }
      expect([written, refused]).toEqual([["1", "4"], ["2"]]);
    });
  });
});
