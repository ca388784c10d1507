import type { Jobs } from "../jobs.ts";
import type { HeadPointers } from "./head-pointers.ts";
import type { Rollout } from "./rollout.ts";
import type { Versions } from "./tables/versions.ts";

/** The pause between two checks whether a region is ready. */
const checkMs = 1_000;

/** What preparing regions for a version needs. */
interface Needs {
  jobs: Pick<Jobs, "bringForward" | "drop" | "keys">;
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

  /** Requests that a region prepares for a version. */
  request(version: number, region: string): void {
    this.needs.jobs.bringForward("prepare", keyOf(version, region), Date.now());
  }

  /** Requests it again from the regions that lose a head with the rollout: they may have learned since the version came. */
  requestForRollout(version: number): void {
    const { rollout, heads } = this.needs;
    const { heldBack, stable, previous } = rollout.pointer();
    const bases = [stable, previous].filter((base) => base !== null).filter((base) => base !== version);
    const regions = new Set([...Object.keys(heldBack), ...bases.flatMap((base) => heads.regionsWithHead(base))]);
    for (const region of regions) this.request(version, region);
  }

  /** Requests it again from the regions that are held back. */
  requestForHeld(version: number): void {
    for (const region of Object.keys(this.needs.rollout.pointer().heldBack)) this.request(version, region);
  }

  /** Lists the regions that are not ready for a version yet. */
  pendingRegions(version: number): string[] {
    const keys = this.needs.jobs.keys("prepare").map(parseKey);
    return keys.filter((key) => key.version === version).map(({ region }) => region);
  }

  /** Runs a job `prepare`: checks once whether the region is ready. Until it is, it stays on the version it has. */
  async check(key: string): Promise<number | null> {
    const { jobs, versions, heads, rollout, prepareRegion, transaction } = this.needs;
    const { version, region } = parseKey(key);
    // No region moves to a retired version.
    if (versions.get(version)?.state === "retired") return null;
    if (!(await prepareRegion(region, version))) return Date.now() + checkMs;
    transaction(() => {
      heads.markReady(version, region);
      rollout.release(region, version);
      jobs.drop("prepare", key);
      if (this.pendingRegions(version).length === 0) versions.setState(version, "prepared", ["published"]);
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
