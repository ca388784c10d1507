import type { ModelPointer, RegionState } from "#core/contract/index.ts";
import { regionObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { baseFor } from "../ladder/version.ts";

/** Reads a region's state on the version that serves it. */
export async function regionStateOf(call: Call, pointer: ModelPointer, region: string): Promise<RegionState> {
  const base = baseFor(pointer, region);
  const { lastRun, ...state } = await regionObject(call.env, pointer.model, region).state(base);
  const head = state.headManifest?.number ?? null;
  return { ...state, lastRun: lastRun && { region, ...lastRun }, base, head } as RegionState;
}
