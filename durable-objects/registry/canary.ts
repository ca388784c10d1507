import { judgeCanary } from "#core/confidence/canary.ts";
import type { CanaryCount, CanaryState, CanaryVerdict } from "#core/contract/index.ts";
import type { Jobs } from "../jobs.ts";
import { regionObject } from "../stubs.ts";
import type { WatchOrder } from "./api.ts";
import type { Rollout } from "./rollout.ts";

/** The pause between two evaluations: a twentieth of the canary's age, within these. */
const evaluateMinMs = 1_000;
const evaluateMaxMs = 5 * 60_000;
/** How long an evaluation waits for a region's count. */
const regionTimeoutMs = 10_000;

type Watch = Omit<CanaryState, "regions"> & { id: number };
type Row = Record<string, SqlStorageValue> & { plan: string; verdict: string | null };

interface CanaryContext {
  env: Env;
  model: string;
  storage: DurableObjectStorage;
  jobs: Jobs;
  rollouts: Rollout;
  regions: () => string[];
}

/** The tables `canaries` and `canary_counts`: a watched canary is promoted or rolled back by what its regions count. */
export class CanaryWatch {
  private readonly context: CanaryContext;

  constructor(context: CanaryContext) {
    this.context = context;
  }

  /** Watches a canary that the pointer has just moved to. */
  start({ version, share, plan, deadlineMs }: WatchOrder): void {
    const { rollouts, jobs } = this.context;
    const now = Date.now();
    const values = [version, rollouts.pointer().stable as number, share, now, now + deadlineMs, JSON.stringify(plan)];
    const columns = "version, stable, share, startedAt, deadlineAt, plan";
    this.sql.exec(`INSERT INTO canaries (${columns}) VALUES (?, ?, ?, ?, ?, ?)`, ...values);
    jobs.put("canary", "", now);
  }

  /** Ends the watch, if there is one: the pointer was moved by hand. */
  end(): void {
    const watch = this.running();
    if (watch) this.finish(watch, "ended", "the pointer was moved by hand");
  }

  /** The job `canary`: a look at what the regions count, and what follows from it. */
  async look(): Promise<number | null> {
    const before = this.running();
    if (!before) return null;
    const counts = await this.gather(before);
    return this.context.storage.transactionSync(() => {
      // Somebody may have moved the pointer meanwhile.
      const watch = this.running();
      if (watch?.id !== before.id) return watch && Date.now();
      const now = Date.now();
      for (const [region, count] of counts) {
        const query = "INSERT OR REPLACE INTO canary_counts VALUES (?, ?, ?, ?)";
        this.sql.exec(query, watch.id, region, now, JSON.stringify(count));
      }
      const known = this.countsOf(watch.id).map(({ differences }) => differences);
      const verdict = judgeCanary(known, watch.plan, now >= watch.deadlineAt);
      this.sql.exec("UPDATE canaries SET verdict = ? WHERE id = ?", JSON.stringify(verdict), watch.id);
      if (verdict.decision !== "continue") return this.decide(watch, verdict);
      const pause = Math.min(evaluateMaxMs, Math.max(evaluateMinMs, (now - watch.startedAt) / 20));
      return Math.min(watch.deadlineAt, now + pause);
    });
  }

  /** The job `uncount`: a region lets go of what it counted. */
  async uncount(key: string): Promise<null> {
    const [id, region] = JSON.parse(key) as [number, string];
    await this.region(region).endCanary(id);
    return null;
  }

  /** The canary that is watched, or the one that was last; null where there was none. */
  state(): CanaryState | null {
    const watch = this.find("ORDER BY id DESC LIMIT 1");
    if (!watch) return null;
    const { id, ...state } = watch;
    return { ...state, regions: this.countsOf(id) };
  }

  /** What a region counted is forgotten with it. */
  forget(region: string): void {
    this.sql.exec("DELETE FROM canary_counts WHERE region = ?", region);
  }

  private decide(watch: Watch, { decision, reason }: CanaryVerdict): null {
    const { rollouts } = this.context;
    const outcome = decision === "promote" ? "promoted" : "rolled back";
    const why = `${outcome}: ${reason}`;
    const moved = outcome === "promoted" ? rollouts.move(watch.version, null, why) : rollouts.back(why);
    if (!moved.ok) throw new Error(`The pointer can't move away from canary ${watch.version}: ${moved.error.kind}`);
    this.finish(watch, outcome, reason);
    return null;
  }

  private finish(watch: Watch, outcome: CanaryState["outcome"], reason: string): void {
    const query = "UPDATE canaries SET endedAt = ?, outcome = ?, reason = ? WHERE id = ?";
    this.sql.exec(query, Date.now(), outcome, reason, watch.id);
    this.context.jobs.drop("canary", "");
    for (const region of this.context.regions()) {
      this.context.jobs.put("uncount", JSON.stringify([watch.id, region]), Date.now());
    }
  }

  // A region that does not answer counts as when it last did: an earlier look at it is as valid.
  private async gather({ id, stable, version }: Watch): Promise<Map<string, CanaryCount>> {
    const counts = new Map<string, CanaryCount>();
    const asked = this.context.regions().map(async (region) => {
      const answer = this.region(region)
        .countCanary({ watch: id, stable, canary: version })
        .catch((error) => {
          console.warn(JSON.stringify({ event: "canary-region-silent", region, version, error: String(error) }));
        });
      const count = await within(regionTimeoutMs, answer);
      if (count) counts.set(region, count);
    });
    await Promise.all(asked);
    return counts;
  }

  private countsOf(id: number): CanaryState["regions"] {
    const query = "SELECT region, at, count FROM canary_counts WHERE canary = ? ORDER BY region";
    const rows = this.sql.exec<{ region: string; at: number; count: string }>(query, id).toArray();
    return rows.map(({ region, at, count }) => ({ region, at, ...(JSON.parse(count) as CanaryCount) }));
  }

  private running(): Watch | null {
    return this.find("WHERE endedAt IS NULL ORDER BY id DESC LIMIT 1");
  }

  private find(where: string, ...given: SqlStorageValue[]): Watch | null {
    const [row] = this.sql.exec<Row>(`SELECT * FROM canaries ${where}`, ...given);
    if (!row) return null;
    return {
      ...(row as unknown as Watch),
      plan: JSON.parse(row.plan),
      verdict: row.verdict && JSON.parse(row.verdict),
    };
  }

  private region(region: string) {
    return regionObject(this.context.env, this.context.model, region);
  }

  private get sql(): SqlStorage {
    return this.context.storage.sql;
  }
}

/** What comes within a time; undefined where nothing does. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
