import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { ExternalRung } from "#core/contract/index.ts";
import { noCounts } from "#core/counts.ts";
import type { RegionActivity } from "#objects/region/api.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { alertsOf, ask, eventually, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const regions = Array.from({ length: 120 }, (_, i) => `r-${String(i).padStart(3, "0")}`);
const open = { breaker: "open", above: "fails" } as const;
/** The circuit is tried again: nothing is known of the rung above. */
const tried = { breaker: "closed" } as const;
const answers = { breaker: "closed", above: "answers" } as const;

function registryOf(model: string): DurableObjectStub<RegistryObject> {
  return env.REGISTRY.get(env.REGISTRY.idFromName(model)) as DurableObjectStub<RegistryObject>;
}

function report(model: string, names: readonly string[], own: Pick<RegionActivity, "breaker" | "above">) {
  return runInDurableObject(registryOf(model), (object) => {
    for (const region of names) {
      const activity = { region, versions: [{ base: 1, counts: noCounts() }], open: 0, ...own };
      object.report(region, { base: 1, activity, state: null });
    }
  });
}

/** Runs the job that tells of outages, if there is one. Returns the alerts so far, the oldest first. */
async function told(model: string): Promise<string[]> {
  await runInDurableObject(registryOf(model), async (object, { storage }) => {
    storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'outage'");
    await object.alarm();
  });
  return (await alertsOf(model)).toReversed().map(({ title, region, detail }) => `${title} (${region}): ${detail}`);
}

const tail = "stopped asking it after repeated failures. It is tried again every few seconds.";

it("the rung above fails in many regions at once: one alert says so, one that it spreads, and one that it is over", async () => {
  const model = "outage";
  await publish({ model });
  await runInDurableObject(registryOf(model), (object) => {
    for (const name of regions) object.registerRegion(name);
  });
  await report(model, regions, answers);
  expect(await told(model)).toEqual([]);
  await report(model, regions.slice(0, 3), open);
  const first = `Rung above fails (null): 3 of 120 regions (r-000, r-001, r-002) ${tail}`;
  expect(await told(model)).toEqual([first]);
  await report(model, regions.slice(3), open);
  const spread = `Rung above fails (null): 120 of 120 regions (r-000, r-001, r-002, r-003, r-004 and 115 more) ${tail}`;
  expect(await told(model)).toEqual([first, spread]);

  // It may still fail where it is only tried again, also for an object that has slept.
  await report(model, regions, tried);
  await evictDurableObject(registryOf(model));
  expect(await told(model)).toEqual([first, spread]);
  await report(model, regions.slice(0, 119), answers);
  expect(await told(model)).toEqual([first, spread]);
  await report(model, regions.slice(119), answers);
  const over = "Rung above answers again (null): It answers every region that had stopped asking it.";
  expect(await told(model)).toEqual([first, spread, over]);
  expect(await told(model)).toEqual([first, spread, over]);

  // It is news again, however soon it comes.
  await report(model, ["r-007"], open);
  const alone = `Rung above fails (r-007): The region ${tail}`;
  expect(await told(model)).toEqual([first, spread, over, alone]);
  // A report as the release before stored it has only the breaker.
  await runInDurableObject(registryOf(model), (_, { storage: { sql } }) => {
    sql.exec("UPDATE reports SET value = json_remove(value, '$.activity.above')");
  });
  await evictDurableObject(registryOf(model));
  await report(model, ["r-007"], tried);
  expect(await told(model)).toEqual([first, spread, over, alone]);
  await report(model, ["r-007"], answers);
  expect(await told(model)).toEqual([first, spread, over, alone, over]);
});

it("a region that fails to reach its rung above is told of, and that it recovers", async () => {
  const shared = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
  const set = (fault: string) => fetch(`${shared}/set/outage/${fault}`);
  const model = "outage-real";
  await set("broken");
  const rung: ExternalRung = {
    ...{ name: "jev", kind: "system-one", url: `${shared}/named-outage`, model: "m", key: "RUNG_KEY_ABOVE" },
    ...{ deadlineMs: 8_000, minLabels: 0, threshold: 0.5 },
  };
  await publish({
    ...{ model, threshold: 1.01 },
    policy: { learning: [], ladder: ["edge", "region", "origin"], above: [rung] },
  });
  for (let i = 0; i < 4; i++) await ask(model, { instance: instance(i) });
  const region = new TestRegion(model);
  await eventually(async () => {
    await region.reportNow();
    expect(await told(model)).toEqual([`Rung above fails (north): The region ${tail}`]);
  });
  await set("none");
  const over = expect.stringMatching(/^Rung above answers again/);
  await eventually(async () => {
    // So few that they don't pile up.
    await scheduler.wait(500);
    await ask(model, { instance: instance(9) });
    await region.reportNow();
    expect(await told(model)).toContainEqual(over);
  });
});
