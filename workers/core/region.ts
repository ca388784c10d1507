import type { Instance, Regions } from "./contract/index.ts";
import { fail, ok, type Result } from "./result.ts";

/** What a request reveals about its region. */
export interface RegionClues {
  /** The location hint of the network that the request came through. */
  cf: string | null;
  header: (name: string) => string | null;
}

/** Determines a question's region by the model's setting. A key that the model does not list gives the parent region. */
export function regionOf(regions: Regions, instance: Instance, clues: RegionClues): string {
  const key = keyOf(regions, instance, clues);
  return key !== null && regions.keys.includes(key) ? key : regions.parent;
}

function keyOf(regions: Regions, instance: Instance, clues: RegionClues): string | null {
  switch (regions.from) {
    case "cf":
      return clues.cf;
    case "header":
      return clues.header(regions.name ?? "x-upriver-region");
    case "field": {
      const value = Array.isArray(instance) ? null : instance[regions.name ?? "region"];
      return typeof value === "string" ? value : null;
    }
  }
}

/** Checks a region that the caller names. */
export function checkRegion(regions: Regions, region: string): Result<string, string> {
  const isKnown = region === regions.parent || regions.keys.includes(region);
  return isKnown ? ok(region) : fail(`one of ${[...regions.keys, regions.parent].join(", ")}`);
}
