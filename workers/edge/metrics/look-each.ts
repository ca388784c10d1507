import { addTotals, countsByBase, noTotals, totalsOf } from "#core/region-totals.ts";
import { watchedCanary } from "#core/watched-canary.ts";
import type { LookRequest, RegistryLook, SeenRegion } from "#objects/registry/api.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { baseFor } from "../ladder/version.ts";
import { inTime } from "./in-time.ts";

/**
 * Looks at a model by asking each of its regions. For a registry of an earlier release, which is there for some minutes of a
 * deployment: it takes no reports.
 */
export async function lookAtEach(env: Env, model: string, request: LookRequest): Promise<RegistryLook> {
  const { only, list, group, budget } = request;
  const registry = registryObject(env, model);
  const [pointer, known, counts, canary, groupState, spending] = await Promise.all([
    registry.pointer(),
    registry.regions(),
    registry.counts(),
    registry.canary(),
    group ? registry.groupState(group.base, group) : null,
    budget ? registry.spending(budget.usdPerMonth) : null,
  ]);
  const names = known.filter((name) => only === null || only.includes(name));
  const at = Date.now();
  const isFull = list !== undefined && pointer.stable !== null;
  const all = await Promise.all(
    names.map(async (region): Promise<SeenRegion> => {
      const object = regionObject(env, model, region);
      const base = pointer.stable === null ? 0 : baseFor(pointer, region);
      const [activity, state] = await Promise.all([
        inTime(object.counts()),
        isFull ? inTime(object.state(base)) : null,
      ]);
      const report = activity && { base, activity, state };
      return { region, asOf: at, report, edge: counts.filter((row) => row.region === region) };
    }),
  );
  const totals = noTotals();
  for (const { report } of all) if (report) addTotals(totals, totalsOf(report));
  for (const row of counts) {
    if (row.region === "" || only === null || only.includes(row.region)) {
      addTotals(totals, { counts: countsByBase([row]) });
    }
  }
  const after = list?.by === "name" ? list.after : "";
  const rest = list ? all.filter(({ region }) => region > after) : [];
  const regions = rest.slice(0, list?.limit ?? 0);
  return {
    ...{ pointer, group: groupState, spending, totals, asOf: at, regions },
    next: list?.by === "name" && rest.length > regions.length ? (regions.at(-1)?.region ?? null) : null,
    unanswered: all.filter(({ report }) => report === null).map(({ region }) => region),
    breakersOpen: all.filter(({ report }) => report?.activity.breaker === "open").map(({ region }) => region),
    canary: watchedCanary(canary),
  };
}
