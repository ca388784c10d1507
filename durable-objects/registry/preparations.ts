import type { Jobs } from "../jobs.ts";
import { regionObject } from "../stubs.ts";
import type { HeadPointers } from "./heads.ts";
import type { Rollout } from "./rollout.ts";
import type { Versions } from "./versions.ts";

const prepareCheckMs = 1_000;

interface PreparationsContext {
  env: Env;
  model: string;
  storage: DurableObjectStorage;
  jobs: Jobs;
  versions: Versions;
  heads: HeadPointers;
  rollouts: Rollout;
}

/** The jobs `prepare`: regions make their heads for a version before they move to it. */
export class Preparations {
  private readonly context: PreparationsContext;

  constructor(context: PreparationsContext) {
    this.context = context;
  }

  /** Has a region make its head for a version. */
  bring(version: number, region: string): void {
    this.context.jobs.bring("prepare", keyOf(version, region), Date.now());
  }

  /** Has the regions look again that a move would take a head from: they may have learned since the publishing. */
  bringAgain(version: number): void {
    const { rollouts, heads } = this.context;
    const { heldBack, stable, previous } = rollouts.pointer();
    const bases = [stable, previous].filter((base) => base !== null && base !== version) as number[];
    const regions = new Set([...Object.keys(heldBack), ...bases.flatMap((base) => heads.regionsWithHead(base))]);
    for (const region of regions) this.bring(version, region);
  }

  /** The regions that are not ready for a version yet. */
  regionsOf(version: number): string[] {
    const keys = this.context.jobs.keys("prepare").map(parseKey);
    return keys.filter((key) => key.version === version).map(({ region }) => region);
  }

  /** One look whether a region is ready. One that can't be made ready stays on the version it has. */
  async step(key: string): Promise<number | null> {
    const { env, model, storage, jobs, versions, heads, rollouts } = this.context;
    const { version, region } = parseKey(key);
    // Nobody will move there: a later version is prepared for in its own right.
    if (versions.get(version)?.state === "retired") return null;
    const isReady = await regionObject(env, model, region).prepare(version);
    if (!isReady) return Date.now() + prepareCheckMs;
    storage.transactionSync(() => {
      heads.markReady(version, region);
      rollouts.ready(region, version);
      jobs.drop("prepare", key);
      if (this.regionsOf(version).length === 0) versions.setState(version, "prepared", ["published"]);
    });
    return null;
  }
}

function keyOf(version: number, region: string): string {
  return `${version} ${region}`;
}

// A region's name may have spaces, too.
function parseKey(key: string): { version: number; region: string } {
  const space = key.indexOf(" ");
  return { version: Number(key.slice(0, space)), region: key.slice(space + 1) };
}
