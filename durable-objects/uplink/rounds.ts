import { canonicalJson } from "#core/canonical.ts";
import { type NodeReport, nodeKeysSchema, reportedModelsMax, type UplinkState } from "#core/contract/index.ts";
import { keysChangedEvent } from "#core/node-events.ts";
import { release } from "#core/release.ts";
import type { RegionApi } from "../region/api.ts";
import type { Remote } from "../stubs.ts";
import { type Above, AboveError } from "./above.ts";
import type { Pulling } from "./pulling.ts";
import type { Sharing } from "./sharing.ts";
import type { Line } from "./tables/line.ts";
import type { TakenModels } from "./tables/taken.ts";

const roundSeconds = 15;
/** How often a rung above that can't be reached is tried: what waits is delivered within seconds once it is back. */
const cutMaxMs = 3_000;
/** Regions that are called at a time. */
const regionsAtOnce = 20;

type Region = Pick<Remote<RegionApi>, "escalateNow">;

/** What a round reads and changes. */
interface RoundsNeeds {
  nodeId: string;
  /** The setting UPLINK_SECONDS. */
  seconds: string | undefined;
  /** The setting NODE_HOST: the machine, as JSON. */
  host: string | undefined;
  /** The keys that the node trusts: the setting PUBLISH_KEYS. */
  publishKeys: string;
  above: Above;
  line: Line;
  taken: Pick<TakenModels, "all">;
  pulling: Pick<Pulling, "look">;
  sharing: Pick<Sharing, "look" | "isBack" | "share">;
  /** The objects of all regions of a model. */
  regions: (model: string) => Promise<Region[]>;
}

/** The job `round`: asks the rung above for what is new, and says there that the node lives. */
export class Rounds {
  heardAt: number | null = null;
  /** Questions and changes of samples that waited to go up at the last round. */
  backlog = 0;
  private readonly needs: RoundsNeeds;
  /** Whether this instance has told the regions that the rung above is there. */
  private hasWoken = false;
  /** The keys of the rung above that this instance has told of. */
  private knownKeys = "";

  constructor(needs: RoundsNeeds) {
    this.needs = needs;
  }

  /** Never throws: the next round tries again. Returns when that is due. */
  async run(): Promise<number> {
    const { pulling, sharing } = this.needs;
    try {
      await pulling.look();
      this.heardAt = Date.now();
      await this.isBack();
      // What fails on this machine cuts no line.
      this.backlog = await sharing.look().catch((error: unknown) => {
        console.error(JSON.stringify({ event: "sharing-failed", reason: String(error) }));
        return this.backlog;
      });
      await this.sayAlive(this.backlog);
      return Date.now() + this.everyMs();
    } catch (error) {
      const isRevoked = error instanceof AboveError && error.fault === "revoked";
      this.note(isRevoked ? "revoked" : "cut", error instanceof Error ? error.message : String(error));
      return Date.now() + (isRevoked ? this.everyMs() : Math.min(cutMaxMs, this.everyMs()));
    }
  }

  private everyMs(): number {
    const seconds = Number(this.needs.seconds || roundSeconds);
    return (seconds > 0 ? seconds : roundSeconds) * 1_000;
  }

  /** Notes that the rung above replied. After it did not, the regions ask it at once about what has waited. */
  private async isBack(): Promise<void> {
    const wasAway = this.note("connected", null);
    if (this.hasWoken && !wasAway) return;
    this.hasWoken = true;
    this.needs.sharing.isBack();
    await this.each((region) => region.escalateNow());
  }

  private note(state: UplinkState["state"], reason: string | null): boolean {
    const before = this.needs.line.set(state, reason);
    if (before === null) return false;
    const line = { event: `uplink-${state}`, above: this.needs.above.url, before, reason };
    (state === "connected" ? console.log : console.error)(JSON.stringify(line));
    return true;
  }

  /** Reports to the rung above, and learns which keys are valid there. An older one keeps no list of nodes. */
  private async sayAlive(backlog: number): Promise<void> {
    const { above, nodeId, taken, sharing, host, publishKeys } = this.needs;
    const models = taken.all().map(({ model, version, revision }) => ({ model, version, revision }));
    const machine = host ? { host: JSON.parse(host) } : {};
    const report: NodeReport = {
      ...{ version: release, models: models.slice(0, reportedModelsMax), backlog, share: sharing.share },
      ...machine,
    };
    const path = `/v1/nodes/${encodeURIComponent(nodeId)}/alive`;
    const called = await above.call("POST", path, report).catch((error: unknown) => {
      // Only the list of models says whether the rung above can be reached: a report that it does not take cuts no line.
      if (error instanceof AboveError && error.fault === "revoked") throw error;
      return { status: 503, reply: null, detail: String(error) };
    });
    const { status, reply, detail } = called;
    if (status >= 300 && status !== 404 && status !== 405) {
      console.warn(JSON.stringify({ event: "report-not-taken", status, detail }));
    }
    const keys = nodeKeysSchema.safeParse(reply);
    if (status !== 200 || !keys.success) return;
    const found = canonicalJson(keys.data.publishKeys);
    if (found === canonicalJson(JSON.parse(publishKeys)) || found === this.knownKeys) return;
    this.knownKeys = found;
    // `scripts/node/run.ts` reads this line: it takes the keys and starts workerd with them.
    console.log(JSON.stringify({ event: keysChangedEvent, keys: Object.keys(keys.data.publishKeys) }));
  }

  /** Calls each region of each model; those that do not answer are left out. */
  private async each<T>(call: (region: Region) => Promise<T>): Promise<T[]> {
    const { taken, regions } = this.needs;
    const all = (await Promise.all(taken.all().map(({ model }) => regions(model)))).flat();
    const replies: T[] = [];
    for (let i = 0; i < all.length; i += regionsAtOnce) {
      const settled = await Promise.allSettled(all.slice(i, i + regionsAtOnce).map(call));
      for (const one of settled) if (one.status === "fulfilled") replies.push(one.value);
    }
    return replies;
  }
}
