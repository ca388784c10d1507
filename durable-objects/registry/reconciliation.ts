import type { Jobs } from "../jobs.ts";
import type { Copying } from "./copying.ts";
import { kvInTime } from "./kv-in-time.ts";
import type { Outbox } from "./outbox.ts";
import type { Rollout } from "./rollout.ts";
import type { HeadStore } from "./tables/heads.ts";
import type { Versions } from "./tables/versions.ts";

/** How often the registry checks that KV has its pointers. */
const reconcileMs = 3600_000;
/** Keys that KV returns in one call. */
const keysAtOnce = 100;

/** What comparing KV with the registry needs. */
interface Needs {
  model: string;
  kv: Pick<KVNamespace, "get">;
  versions: Pick<Versions, "latest">;
  rollout: Pick<Rollout, "pointer">;
  heads: Pick<HeadStore, "pointersOn">;
  outbox: Pick<Outbox, "put">;
  copying: Pick<Copying, "request">;
  jobs: Pick<Jobs, "dueOf" | "put">;
}

/** Repairs pointers that are missing or wrong in KV, and the registry's copy of itself, every hour. */
export class Reconciliation {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Schedules the job `reconcile`, where there is something to compare. */
  start(): void {
    const { jobs, versions } = this.needs;
    if (versions.latest() !== null && jobs.dueOf("reconcile", "") === null) jobs.put("reconcile", "", Date.now());
  }

  /** Runs the job `reconcile`. */
  async run(): Promise<number> {
    const { kv, outbox, copying, model } = this.needs;
    const own = this.pointers();
    for (let from = 0; from < own.length; from += keysAtOnce) {
      const some = own.slice(from, from + keysAtOnce);
      const near = await kvInTime(kv.get(some.map(({ key }) => key)));
      for (const { key, pointer } of some) {
        const text = near.get(key) ?? null;
        const known = revisionOf(text);
        if (known !== null && known > pointer.revision) {
          console.error(JSON.stringify({ event: "registry-behind-kv", model, key, known, own: pointer.revision }));
        } else if (text !== JSON.stringify(pointer)) {
          outbox.put(key, pointer);
        }
      }
    }
    copying.request();
    return Date.now() + reconcileMs;
  }

  private pointers(): { key: string; pointer: { revision: number } }[] {
    const { model, rollout, heads } = this.needs;
    const current = rollout.pointer();
    if (current.revision === 0) return [];
    const { stable, previous, canary, heldBack } = current;
    const bases = new Set([stable, previous, canary?.version ?? null, ...Object.values(heldBack)]);
    const ofHeads = [...bases].flatMap((base) => (base === null ? [] : heads.pointersOn(base)));
    return [
      { key: `current/${model}`, pointer: current },
      ...ofHeads.map(({ base, region, pointer }) => ({ key: `head/${model}/${base}/${region}`, pointer })),
    ];
  }
}

function revisionOf(text: string | null): number | null {
  try {
    const { revision } = JSON.parse(text ?? "null") as { revision?: unknown };
    return typeof revision === "number" ? revision : null;
  } catch {
    return null;
  }
}
