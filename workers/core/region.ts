import type { Instance, Regions } from "./contract/index.ts";
import { fail, ok, type Result } from "./result.ts";

/** What a request says of where it comes from. */
export interface RegionClues {
  /** A location hint, from the network. */
  cf: string | null;
  header: (name: string) => string | null;
}

/** A question's region by the model's setting; a key that the model does not list falls to the parent region. */
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

/** Checks a region that a question names itself. */
export function checkRegion(regions: Regions, region: string): Result<string, string> {
  const isKnown = region === regions.parent || regions.keys.includes(region);
  return isKnown ? ok(region) : fail(`one of ${[...regions.keys, regions.parent].join(", ")}`);
}
