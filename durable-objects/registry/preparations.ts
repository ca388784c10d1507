import { within } from "#core/within.ts";
import type { Jobs } from "../jobs.ts";
import type { HeadPointers } from "./head-pointers.ts";
import type { Rollout } from "./rollout.ts";
import type { Versions } from "./tables/versions.ts";

/** The pause between two checks whether a region is ready. */
const checkMs = 1_000;
/** How long a check may take: a region that does not reply keeps no other from being checked. */
const checkTimeoutMs = 10_000;

/** What preparing regions for a version needs. */
interface Needs {
  jobs: Pick<Jobs, "bringForward" | "drop" | "keys" | "isAny">;
  versions: Pick<Versions, "get" | "setState">;
  heads: Pick<HeadPointers, "regionsWithHead" | "markReady">;
  rollout: Pick<Rollout, "pointer" | "release">;
  /** Asks a region to train its head for a version; true when it is ready. */
  prepareRegion: (region: string, version: number) => Promise<boolean>;
  transaction: <T>(work: () => T) => T;
}

/** The jobs `prepare`: each region trains its head for a version before it moves to it. */
export class Preparations {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Requests that regions prepare for a version. */
  request(version: number, regions: Iterable<string>): void {
    const keys = Array.from(regions, (region) => keyOf(version, region));
    if (keys.length > 0) this.needs.jobs.bringForward("prepare", keys, Date.now());
  }

  /** Requests it again from the regions that lose a head with the rollout: they may have learned since the version came. */
  requestForRollout(version: number): void {
    const { rollout, heads } = this.needs;
    const { heldBack, stable, previous } = rollout.pointer();
    const bases = [stable, previous].filter((base) => base !== null).filter((base) => base !== version);
    this.request(version, new Set([...Object.keys(heldBack), ...bases.flatMap((base) => heads.regionsWithHead(base))]));
  }

  /** Requests it again from the regions that are held back. */
  requestForHeld(version: number): void {
    this.request(version, Object.keys(this.needs.rollout.pointer().heldBack));
  }

  /** Lists the regions that are not ready yet, by version. */
  pendingRegions(): Map<number, string[]> {
    const pending = new Map<number, string[]>();
    for (const { version, region } of this.needs.jobs.keys("prepare").map(parseKey)) {
      const known = pending.get(version);
      if (known) known.push(region);
      else pending.set(version, [region]);
    }
    return pending;
  }

  /** Runs a job `prepare`: checks once whether the region is ready. Until it is, it stays on the version it has. */
  async check(key: string): Promise<number | null> {
    const { jobs, versions, heads, rollout, prepareRegion, transaction } = this.needs;
    const { version, region } = parseKey(key);
    // No region moves to a retired version.
    if (versions.get(version)?.state === "retired") return null;
    const isReady = await within(checkTimeoutMs, prepareRegion(region, version), () => {
      throw new Error(`region '${region}' did not reply within ${checkTimeoutMs} ms`);
    });
    if (!isReady) return Date.now() + checkMs;
    transaction(() => {
      heads.markReady(version, region);
      rollout.release(region, version);
      jobs.drop("prepare", key);
      if (!jobs.isAny("prepare", keyOf(version, ""))) versions.setState(version, "prepared", ["published"]);
    });
    return null;
  }
}

function keyOf(version: number, region: string): string {
  return `${version} ${region}`;
}

// A region's name may contain spaces.
function parseKey(key: string): { version: number; region: string } {
  const space = key.indexOf(" ");
  return { version: Number(key.slice(0, space)), region: key.slice(space + 1) };
}
