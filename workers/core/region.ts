import { type Instance, type Regions, regionSchema } from "./contract/index.ts";
import { own } from "./own.ts";
import { fail, ok, type Result } from "./result.ts";

/** What a request reveals about its region. */
export interface RegionClues {
  /** The location hint of the network that the request came through. */
  cf: () => string | null;
  header: (name: string) => string | null;
}

/** Where a question belongs: a listed region, or the parent for a key that the model does not list. */
export interface RegionChoice {
  region: string;
  /** The key that is not listed; it may open a region where the model allows that. */
  unlisted: string | null;
}

/** Determines a question's region by the model's setting. */
export function regionOf(regions: Regions, instance: Instance, clues: RegionClues): RegionChoice {
  const key = keyOf(regions, instance, clues);
  if (key === null || isListed(regions, key)) return { region: key ?? regions.parent, unlisted: null };
  // A location is not the caller's choice.
  return { region: regions.parent, unlisted: regions.from === "cf" ? null : key };
}

function keyOf(regions: Regions, instance: Instance, clues: RegionClues): string | null {
  switch (regions.from) {
    case "cf":
      return clues.cf();
    case "header":
      return decoded(clues.header(regions.name ?? "x-upriver-region"));
    case "field": {
      const value = Array.isArray(instance) ? null : (own(instance, regions.name ?? "region") ?? null);
      return value === null || Array.isArray(value) || value === "" ? null : String(value);
    }
  }
}

// A header has no room for most characters, so its value may be percent-encoded.
function decoded(text: string | null): string | null {
  try {
    return text === null ? null : decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a model lists a region, or has it as parent. */
export function isListed(regions: Regions, region: string): boolean {
  return region === regions.parent || regions.keys.includes(region);
}

/** Whether a region may open where a model allows that: the name is valid. */
export function mayOpen(regions: Regions, region: string): boolean {
  return regions.open !== undefined && regionSchema.safeParse(region).success;
}

/** Checks a region that the caller names. */
export function checkRegion(regions: Regions, region: string): Result<string, string> {
  return isListed(regions, region) ? ok(region) : fail(`one of ${[...regions.keys, regions.parent].join(", ")}`);
}
