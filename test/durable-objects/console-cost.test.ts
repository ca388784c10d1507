import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { type RegionStates, type Series, seriesRanges } from "#core/contract/index.ts";
import { overviewHour, overviewPerHour } from "#core/cost/bill.ts";
import { type Operations, sumOf, usdOf } from "#core/cost/index.ts";
import { noCounts } from "#core/counts.ts";
import { nodeOf } from "#edge/node.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { billedOf } from "../helpers/billed.ts";
import { call, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const model = "wide";
const names = Array.from({ length: 1_000 }, (_, i) => `region-${String(i).padStart(4, "0")}`);
/** Of these somebody has to look: more than the overview lists. */
const inNeed = 50;
const registry = () => env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;

type Report = Parameters<RegistryObject["report"]>[1];
let report: Report;

const inside = <T>(work: (object: RegistryObject) => T) => runInDurableObject(registry(), work);
const reportOf = (i: number): Report => {
  const drift = i < inNeed ? { at: 1, alarm: true, against: "before" as const, recent: 9, reference: 9 } : null;
  const region = names[i] as string;
  const { activity, state } = report;
  return { ...report, activity: { ...activity, region }, state: state && { ...state, region, drift } };
};

const reporting = () => inside((object) => void object.report(names[500] as string, reportOf(500)));

beforeAll(async () => {
  await publish({
    model,
    policy: { regions: { from: "field", name: "region", keys: names, parent: names[0] as string }, keep: "all" },
  });
  const first = new TestRegion(model, names[0]);
  await first.ask([instance(1)], [`${model}~${names[0]}~q`]);
  report = await first.inside(async (object) => ({ base: 1, activity: object.counts(), state: await object.state(1) }));
  const counts = { ...noCounts(), requests: 1, questions: 1 };
  await inside((object) => {
    for (const [i, region] of names.entries()) {
      object.registerRegion(region, `epoch-${i}`);
      object.report(region, reportOf(i));
    }
    object.addCounts({ isolate: "a", sequence: 1, rows: names.map((region) => ({ region, base: 1, counts })) });
  });
  nodeOf(env).counts.claim = () => false;
});

const token = "admin-token";
const ladder = () => expectOk(call("GET", "/v1/ladder", { token }));
const series = () => expectOk(call("GET", `/v1/models/${model}/series?range=hour`, { token }));
const needs = () => expectOk(call("GET", `/v1/models/${model}/regions?by=need&limit=20`, { token }));

/** The least of several, since an alarm may ring meanwhile. */
async function least(work: () => Promise<unknown>, before: () => unknown = () => {}) {
  const all: Operations[] = [];
  for (let n = 0; n < 4; n++) {
    await before();
    all.push(await billedOf(work));
  }
  const keys = new Set(all.flatMap((one) => Object.keys(one) as (keyof Operations)[]));
  const counted = [...keys].map((name) => [name, Math.min(...all.map((one) => one[name] ?? 0))] as const);
  return Object.fromEntries(counted.filter(([, n]) => n > 0)) as Operations;
}

describe("an hour of an open overview with 1,000 regions", () => {
  it("costs what the table says", async () => {
    const { now } = Date;
    for (let minute = 0; minute < seriesRanges.hour.steps; minute++) {
      Date.now = () => now() - (seriesRanges.hour.steps - minute) * 60_000;
      await reporting();
      Date.now = now;
    }
    await ladder();
    // A region reports between two looks, as they do four times a second.
    const look = await least(ladder, reporting);
    const { names: known } = nodeOf(env);
    const named = await least(ladder, () => {
      nodeOf(env).names = null;
    });
    expect(known?.value).toEqual([model]);
    expect(named).toEqual({ ...look, r2ClassA: 1 });
    const { regions } = await (await needs()).json<RegionStates>();
    const { steps } = await (await series()).json<Series>();
    expect([regions.length, steps.length]).toEqual([20, seriesRanges.hour.steps]);

    const perHour = overviewPerHour;
    const hour = sumOf(
      [{ ...look, workerRequests: 1 }, perHour.looks],
      [{ r2ClassA: 1 }, 120],
      [{ ...(await least(series)), workerRequests: 1 }, perHour.series],
      // The origin's trainings are read besides.
      [{ ...(await least(needs)), workerRequests: 2 }, perHour.needs],
    );
    const { rowsRead, ...exact } = hour;
    const { rowsRead: wantedRows, ...wanted } = overviewHour(names.length);
    console.log(JSON.stringify({ hour, usd: Number(usdOf(hour).toFixed(4)) }));
    expect(exact).toEqual(wanted);
    expect(Math.abs((rowsRead as number) / (wantedRows as number) - 1)).toBeLessThan(0.1);
  });

  it("reads each region a few times where the registry's object has started again", async () => {
    await evictDurableObject(registry());
    // It compares the regions' versions with the pointer again, by an alarm.
    const { objectRequests, rowsRead } = await billedOf(async () => {
      await ladder();
      await scheduler.wait(300);
    });
    expect(objectRequests).toBeLessThanOrEqual(6);
    expect(rowsRead).toBeLessThan(10 * names.length);
  });
});
