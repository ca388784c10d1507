import type { ModelPointer, RegionState } from "#core/contract/index.ts";
import type { RegionSummary } from "#objects/region/api.ts";
import type { SeenRegion } from "#objects/registry/api.ts";
import { regionObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { baseFor } from "../ladder/version.ts";

/** Reads a region's state on the version that serves it from its object. */
export async function regionStateOf(call: Call, pointer: ModelPointer, region: string): Promise<RegionState> {
  const base = baseFor(pointer, region);
  return shownState(base, await regionObject(call.env, pointer.model, region).state(base));
}

/** Returns the state that a region reported; null where it has not reported any. */
export function reportedState({ report, asOf }: SeenRegion): RegionState | null {
  if (!report?.state || asOf === null) return null;
  return { ...shownState(report.base, report.state), asOf };
}

function shownState(base: number, { lastRun, ...state }: RegionSummary): RegionState {
  const head = state.headManifest?.number ?? null;
  return { ...state, lastRun: lastRun && { region: state.region, ...lastRun }, base, head } as RegionState;
}
