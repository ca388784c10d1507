import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer, ExternalRung, Ladder, Policy, Series } from "#core/contract/index.ts";
import { type Operations, operations, sumOf } from "#core/cost/index.ts";
import type { Billed } from "#core/cost/prices.ts";
import { noCounts } from "#core/counts.ts";
import { refresh } from "#edge/access/issued.ts";
import { nodeOf } from "#edge/node.ts";
import type { Jobs } from "#objects/jobs.ts";
import { registryObject } from "#objects/stubs.ts";
import { callAtOnce } from "../edge/doubles.ts";
import { billedOf } from "../helpers/billed.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

type Path = keyof typeof operations;

/** Counted several times, since an alarm that rings in between belongs to another question: the least of each is the path's. */
const times = 5;
async function leastOf(work: (n: number) => Promise<unknown>): Promise<Operations> {
  const all: Operations[] = [];
  for (let n = 0; n < times; n++) all.push(await billedOf(() => work(n)));
  const names = new Set(all.flatMap((one) => Object.keys(one) as Billed[]));
  const least = (name: Billed) => Math.min(...all.map((one) => one[name] ?? 0));
  return Object.fromEntries([...names].flatMap((name) => (least(name) > 0 ? [[name, least(name)]] : [])));
}

/** Compares what was counted with the table of paths, and says what the table should be. Rows read grow with the tables. */
function expectPaths(counted: Operations, ...paths: (readonly [path: Path, times: number])[]): void {
  const wanted = sumOf(...paths.map(([path, n]) => [operations[path] as Operations, n] as const));
  const { rowsRead = 0, workerCpuMs: _, ...exact } = wanted;
  const { rowsRead: read = 0, ...exactly } = counted;
  expect(exactly, `update workers/core/cost/operations.ts: ${paths.map(([path]) => path).join(" + ")}`).toEqual(exact);
  expect(Math.abs(read - rowsRead), `rows read: counted ${read}, in the table ${rowsRead}`).toBeLessThanOrEqual(
    2 + rowsRead / 5,
  );
}

/** Compares what was counted with the table where it depends a little on what is stored: within a fifth. */
function expectNear(counted: Operations, paths: (readonly [path: Path, times: number])[], readSlack = 2): void {
  const wanted = sumOf(...paths.map(([path, n]) => [operations[path] as Operations, n] as const));
  for (const name of ["objectRequests", "rowsWritten", "rowsRead", "kvReads", "kvWrites", "r2ClassA"] as const) {
    const [one, n] = [wanted[name] ?? 0, counted[name] ?? 0];
    const slack = (name === "rowsRead" ? readSlack : 2) + one / 5;
    expect(Math.abs(n - one), `${name}: counted ${n}, in the table ${one}`).toBeLessThanOrEqual(slack);
  }
}

/** Adds the requests that the Worker got: those of the test. */
const withRequests = (counted: Operations, workerRequests: number): Operations => ({ ...counted, workerRequests });

const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
const model = "told";
const rung: ExternalRung = {
  ...{ name: "jev", kind: "system-one", url: `${above}/none`, model: "m", key: "RUNG_KEY_ABOVE", deadlineMs: 8_000 },
  ...{ minLabels: 0, threshold: 0.5, price: { usdPerMillionInputTokens: 1 } },
};
const told = new TestRegion(model);
// Addressed before anything is counted, so that looking inside is no call.
const registries = Object.fromEntries(
  ["easy", "kept", model].map((name) => [name, env.REGISTRY.get(env.REGISTRY.idFromName(name))]),
);

beforeAll(async () => {
  for (const name of ["easy", "hard", "open", "kept"]) await publish({ model: name });
  await publish({ model: "ended", threshold: 1.01, policy: { ladder: ["edge", "region"] } });
  const budget = { usdPerMonth: 100, atLimit: "answer" as const };
  await publish({ model: "priced", threshold: 1.01, policy: { learning: [], above: [rung], budget } });
  await publish({ model, hidden: [16, 12], policy: { keep: "all", learning: ["analytic"] } });
  // The first question of a region schedules its jobs, and a second one finds them.
  for (const name of ["easy", "hard", "open", "kept", "ended", "priced", model]) {
    for (const n of [100, 101]) await ask(name, { instance: instance(n) });
  }
  // What isolates do in the background is counted apart.
  nodeOf(env).counts.claim = () => false;
});

/** Asks a question of the model, within whatever is fresh in the isolate. */
const asking = (name: string) => leastOf((n) => ask(name, { instance: instance(n) }));

describe("a question costs what the table says", () => {
  it.each<[string, string, Path[]]>([
    ["that the edge answers", "easy", ["edge"]],
    ["that is kept as well", "kept", ["edge", "kept"]],
    ["that ends in its region with the edge's answer", "ended", ["edge", "region"]],
    ["that the origin answers", "hard", ["edge", "origin"]],
    ["that a decision model with a budget answers", "priced", ["edge", "decision"]],
  ])("%s", async (_, name, paths) => {
    expectPaths(withRequests(await asking(name), 1), ...paths.map((path) => [path, 1] as const));
  });

  it("that a person answers", async () => {
    const review = env.REVIEW.get(env.REVIEW.idFromName("open"));
    const waiting = "SELECT id FROM queue WHERE label IS NULL";
    const isWaiting = async (id: string) => {
      const rows = await runInDurableObject(review, (_, { storage }) => storage.sql.exec(waiting).toArray());
      expect(rows).toContainEqual({ id });
    };
    const counted = await leastOf(async (n) => {
      const { id } = await ask("open", { instance: instance(n) });
      await scheduler.wait(settleMs);
      await eventually(() => isWaiting(id));
      await expectOk(call("GET", "/v1/models/open/review?limit=2", { token: "review-token" }));
      await expectOk(call("POST", `/v1/questions/${id}/answer`, { token: "review-token", body: { label: "a" } }));
      await scheduler.wait(settleMs);
    });
    // Several alarms, of which some ring together.
    expectNear(counted, [
      ["edge", 1],
      ["origin", 1],
      ["reviewed", 1],
    ]);
  });

  it("that is read again", async () => {
    const { id } = await ask("kept", { instance: instance(60) });
    const read = await leastOf(() => expectOk(call("GET", `/v1/questions/${id}`)));
    expectPaths(withRequests(read, 1), ["read", 1]);
  });
});

describe("what comes after it costs what the table says", () => {
  it("the alarm of a question that escalated", async () => {
    const north = new TestRegion("hard").stub;
    const counted = await leastOf(async (n) => {
      await ask("hard", { instance: instance(n) });
      await later(60_000, () => runDurableObjectAlarm(north));
    });
    expectPaths(withRequests(counted, 1), ["edge", 1], ["origin", 1], ["alarm", 1]);
  });

  it("a truth, alone and in a batch", async () => {
    const options = { token: "teach-token" };
    const instances = Array.from({ length: 60 }, (_, i) => instance(200 + i));
    const asked = await expectOk(call("POST", `/v1/models/${model}/ask`, { ...options, body: { instances } }));
    const ids = (await asked.json<{ answers: Answer[] }>()).answers.map(({ id }) => id);
    const alone = await leastOf((n) =>
      expectOk(call("POST", `/v1/questions/${ids[n]}/truth`, { ...options, body: { label: "a" } })),
    );
    expectPaths(withRequests(alone, 1), ["taught", 1]);
    const teach = (some: string[]) => {
      const truths = some.map((id) => ({ id, label: "b" }));
      return expectOk(call("POST", `/v1/models/${model}/truths`, { ...options, body: { truths } }));
    };
    const batch = await leastOf((n) => teach(ids.slice(10 + 10 * n, 20 + 10 * n)));
    expectPaths(withRequests(batch, 1), ["taught", 1], ["taughtInBatch", 9]);
  });
});

/** By then the registry was asked whether a region has no head. */
const confirmedMs = 300;

/** By then what goes on in the background has ended: the next alarm, and a delivery. */
const settleMs = 400;

/** Deletes the alarm of a model's region. */
function silence(name: string): Promise<void> {
  return new TestRegion(name).inside((_, { storage }) => storage.deleteAlarm());
}

/** Does something as if it were later. */
async function later<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + ms;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

describe("an isolate costs what the table says", () => {
  it("when it reads pointers again", async () => {
    const { pointers, headPointers, headless, confirming } = nodeOf(env);
    const stale = (known: typeof pointers | typeof headPointers) => {
      for (const one of known.values()) one.freshUntil = 0;
    };
    const again = (before: () => void) =>
      leastOf(async (n) => {
        before();
        await ask("easy", { instance: instance(n) });
        await scheduler.wait(confirmedMs);
      });
    expectPaths(withRequests(await again(() => stale(pointers)), 1), ["edge", 1], ["modelPointer", 1]);
    expectPaths(withRequests(await again(() => stale(headPointers)), 1), ["edge", 1], ["headPointer", 1]);
    const unconfirmed = await again(() => {
      stale(headPointers);
      headless.clear();
      confirming.clear();
    });
    expectPaths(withRequests(unconfirmed, 1), ["edge", 1], ["headPointer", 1], ["confirmHeadless", 1]);
  });

  it("when it reads the tokens again", async () => {
    const node = nodeOf(env);
    await refresh({ env, node, later: () => {} });
    expectPaths(await leastOf(() => refresh({ env, node, later: () => {} })), ["tokens", 1]);
  });

  it("when it sends its counts", async () => {
    const counts = { ...noCounts(), requests: 1, questions: 1 };
    const rows = ["north", "south", "east"].map((region) => ({ region, base: 1, counts }));
    let sequence = 0;
    const send = (n: number) =>
      registryObject(env, "easy").addCounts({ isolate: "a", sequence: ++sequence, rows: rows.slice(0, n) });
    await send(3);
    expectPaths(await leastOf(() => send(1)), ["flush", 1], ["flushRow", 1]);
    expectPaths(await leastOf(() => send(3)), ["flush", 1], ["flushRow", 3]);
  });

  it("when it is fresh", async () => {
    const counted = await leastOf(async (n) => {
      const bindings = { NODE_ID: `fresh-${n}` };
      nodeOf({ ...env, ...bindings }).counts.claim = () => false;
      const response = await callAtOnce(bindings, "POST", "/v1/models/easy/ask", { instance: instance(n) });
      expect(response.status).toBe(200);
      await scheduler.wait(confirmedMs);
    });
    expectPaths(
      withRequests(counted, 1),
      ...(["edge", "modelPointer", "headPointer", "confirmHeadless", "coldStart"] as const).map(
        (path) => [path, 1] as const,
      ),
    );
  });
});

describe("a look", () => {
  it("costs what the table says of its models and regions", async () => {
    const look = () => expectOk(call("GET", "/v1/ladder", { token: "metrics-token" }));
    const counted = await leastOf(look);
    const listed = await leastOf(() => {
      nodeOf(env).names = null;
      return look();
    });
    expect(listed).toEqual({ ...counted, ...operations.lookNames });
    const { models } = await (await expectOk(call("GET", "/v1/ladder"))).json<Ladder>();
    const all = await Promise.all(models.map(({ model: name }) => registryObject(env, name).regions()));
    expectPaths(
      withRequests(counted, 1),
      ["look", 1],
      ["lookModel", models.length],
      ["lookSpending", 1],
      ["lookRegion", all.flat().length],
    );
  });
});

describe("a look of the console", () => {
  it("costs what the table says over time, and of what needs attention", async () => {
    const series = () => expectOk(call("GET", "/v1/models/easy/series?range=hour"));
    const { steps } = await (await series()).json<Series>();
    expectPaths(withRequests(await leastOf(series), 1), ["lookSeries", 1], ["lookStep", steps.length]);
    const needs = () => expectOk(call("GET", "/v1/models/easy/regions?by=need&limit=20"));
    expectPaths(withRequests(await leastOf(needs), 1), ["lookNeeds", 1]);
  });
});

describe("a report of a region", () => {
  it("costs what the table says, and so does the job of the last one before a pause", async () => {
    const [activity, state] = await told.inside(async (object) => [object.counts(), await object.state(1)] as const);
    const report = (n: number) => ({ base: 1, activity: { ...activity, open: n }, state });
    expectPaths(await leastOf((n) => registryObject(env, model).report("north", report(n))), ["report", 1]);
    // Addressed before anything is counted, so that looking inside is no call.
    const { stub } = told;
    const { rowsWritten = 0 } = await billedOf(() =>
      runInDurableObject(stub, async (object, { storage }) => {
        const { jobs } = object as unknown as { jobs: Jobs };
        jobs.bringForward("report", "", Date.now() - 1);
        await jobs.runDue();
        await storage.sync();
      }),
    );
    expect(rowsWritten).toBeLessThanOrEqual(operations.trailingReport.rowsWritten + 3);
  });
});

describe("a retrain", () => {
  const policy = { keep: "all", learning: ["analytic"] } as const;
  const samples = 1_200;
  // Counted once: the reports and retries of the other regions would fall into it.
  beforeAll(() => Promise.all(["easy", "hard", "open", "kept", "ended", "priced"].map(silence)));

  it("costs what the table says of its samples", async () => {
    const labelled = told.labelledQuestions(samples);
    await told.teach(labelled.slice(0, samples / 3));
    await told.retrain();
    await told.teach(labelled.slice(samples / 3));
    const grown = await billedOf(() => told.retrain());
    const again = await billedOf(() => told.retrain());
    expectNear(again, [
      ["retrain", 1],
      ["retrainSample", samples],
    ]);
    expectNear(grown, [
      ["retrain", 1],
      ["retrainSample", samples],
      ["retrainNewSample", (samples * 2) / 3],
    ]);
  });

  it("makes a semantic cache, whose answer costs what the table says", async () => {
    const cached = new TestRegion("cached");
    const policy: Partial<Policy> = { keep: "all", truth: "complete", ladder: ["edge", "region"] };
    await publish({
      ...{ model: cached.model, threshold: 1.01, hidden: [32, 24] },
      policy: { ...policy, learning: ["semantic-cache"] },
    });
    const labelled = cached.labelledQuestions(900);
    await cached.teach(labelled);
    await cached.retrain();
    const again = (some: typeof labelled, name: string) =>
      cached.ask(
        some.map(({ question }) => question.instance),
        some.map((_, i) => `${cached.model}~north~${name}-${i}`),
      );
    const asked = await again(labelled.slice(0, 500), "again");
    await cached.teach(asked.map(({ id }, i) => ({ id, label: labelled[i]?.label as string })));
    await cached.retrain();
    const late = labelled.slice(500, 600);
    const answers = await again(late, "late");
    const known = late.filter((_, i) => answers[i]?.rung === "region");
    expect(known.length).toBeGreaterThan(times);
    expectPaths(
      withRequests(await leastOf((n) => again(known.slice(n, n + 1), `counted-${n}`)), 1),
      ["edge", 1],
      ["cached", 1],
    );
  });

  it("of a new version costs as much again, and the version itself little", async () => {
    const publishing = async (name: string, more: object) => {
      await publish({ model: name, version: 2, seed: 77, ...more });
      await prepared(name);
    };
    // A report of a region would read its samples. What an alarm has begun sets the next one when it ends.
    for (let n = 0; n < 2; n++) {
      await scheduler.wait(settleMs);
      await Promise.all([model, "cached"].map(silence));
    }
    // The registry reads its reports meanwhile, or does not.
    expectNear(await leastOf((n) => publishing("easy", { version: 2 + n, seed: 77 + n })), [["version", 1]], 80);
    const whole = await billedOf(() => publishing(model, { hidden: [16, 12], policy: { ...policy } }));
    const paths = [
      ["version", 1],
      ["prepare", 1],
      ["retrain", 1],
      ["retrainSample", samples],
      ["retrainNewSample", samples],
    ] as const;
    // The region may report meanwhile, for which it reads its samples.
    expectNear(whole, [...paths], 10 * samples);
  });
});

/** Waits until all regions are prepared and on the new version, without calls that would be counted. */
async function prepared(name: string): Promise<void> {
  await eventually(async () => {
    const jobs = await jobsOf(name);
    expect(jobs.filter((kind) => kind === "prepare" || kind === "outbox")).toEqual([]);
    await scheduler.wait(settleMs);
  });
}

function jobsOf(name: string): Promise<string[]> {
  return runInDurableObject(registries[name] as DurableObjectStub, (_, { storage }) =>
    storage.sql
      .exec<{ kind: string }>("SELECT kind FROM jobs")
      .toArray()
      .map(({ kind }) => kind),
  );
}

it("the registries copy what was changed last", async () => {
  // An alarm that rings while the clock is put forward would move their jobs.
  for (const name of Object.keys(registries))
    await eventually(async () => expect(await jobsOf(name)).toEqual(["reconcile"]));
});

it.each(["kept", model])("an hour of a registry costs what the table says: %s", async (name) => {
  const registry = registries[name] as DurableObjectStub;
  const heads = await runInDurableObject(registry, (_, { storage }) =>
    storage.sql.exec("SELECT base FROM head_pointers").toArray(),
  );
  expect(heads.length > 0).toBe(name === model);
  let hours = 0;
  const counted = await leastOf(async () => {
    hours++;
    // The copy follows with the next alarm. None is set while the platform runs one.
    for (const ms of [0, 10_000]) {
      const isRun = () => later(3600_000 * hours + ms, () => runDurableObjectAlarm(registry));
      await eventually(async () => expect(await isRun()).toBe(true));
    }
  });
  expectNear(counted, [
    ["registryHour", 1],
    ["registryHourHead", heads.length],
  ]);
});

describe("the rows that a region writes", () => {
  const size = 50;
  beforeAll(async () => {
    for (const name of ["billed", "billed-kept"]) {
      await publish({ model: name });
      await ask(name, { instance: instance() });
    }
  });

  const rowsOf = async (work: (n: number) => Promise<unknown>) => {
    const { rowsWritten = 0, rowsRead = 0 } = await leastOf(work);
    return { rowsWritten, rowsRead };
  };
  const askBatch = (name: string) =>
    rowsOf((n) => {
      const instances = Array.from({ length: size }, (_, i) => instance(1_000 * (n + 1) + i));
      return expectOk(call("POST", `/v1/models/${name}/ask`, { body: { instances } }));
    });

  it("of a batch that the origin answers are three a question, and some of the batch", async () => {
    const { rowsWritten, rowsRead } = await askBatch("billed");
    expect(rowsWritten).toBeLessThanOrEqual(3 * size + 2);
    expect(rowsRead).toBeLessThanOrEqual(4 * size + 12);
  });

  it("of a question that is kept with its answer are three, of a batch two a question", async () => {
    const one = await rowsOf((n) => ask("billed-kept", { instance: instance(n) }));
    expect(one.rowsWritten).toBeLessThanOrEqual(3);
    const batch = await askBatch("billed-kept");
    expect(batch.rowsWritten).toBeLessThanOrEqual(2 * size + 1);
    expect(batch.rowsRead).toBeLessThanOrEqual(3 * size + 12);
  });

  it("of a question that stays open, since the origin is down, are its next try and a job more", async () => {
    const fault = (kind: string) => fetch(`${env.NEXT_RUNG_URL}/fault/billed/${kind}`, { method: "PUT" });
    await fault("down");
    try {
      const { rowsWritten } = await rowsOf((n) => ask("billed", { instance: instance(n) }));
      expect(rowsWritten).toBeLessThanOrEqual(6);
    } finally {
      await fault("none");
    }
  });
});
