import { DurableObject } from "cloudflare:workers";
import { manifestKey } from "#core/artefacts.ts";
import { canonicalJson } from "#core/canonical.ts";
import type {
  CanaryState,
  HeadManifest,
  HeadPointer,
  HistoryEvent,
  Manifest,
  ModelPointer,
  RegionCounts,
  RegionHead,
  Rule,
  VersionList,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf } from "../names.ts";
import type { CountBatch, RegisteredVersion, RegistryApi, RegistryRefusal, WatchOrder } from "./api.ts";
import { CanaryWatch } from "./canary.ts";
import { EdgeCounts } from "./counts.ts";
import { HeadPointers } from "./heads.ts";
import { migrations } from "./migrations.ts";
import { Outbox } from "./outbox.ts";
import { Preparations } from "./preparations.ts";
import { Rollout } from "./rollout.ts";
import { Schedule } from "./schedule.ts";
import { Versions } from "./versions.ts";

/** One a model: which version is current, for whom, and how it came to be so. */
export class RegistryObject extends DurableObject<Env> implements RegistryApi {
  private readonly model: string;
  private readonly jobs: Jobs;
  private readonly versions: Versions;
  private readonly heads: HeadPointers;
  private readonly rollouts: Rollout;
  private readonly outbox: Outbox;
  private readonly watch: CanaryWatch;
  private readonly schedule: Schedule;
  private readonly edgeCounts: EdgeCounts;
  private readonly preparations: Preparations;
  private publishing: Promise<unknown> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    this.model = nameOf(ctx.id);
    const { sql } = ctx.storage;
    this.jobs = new Jobs(ctx.storage, {
      outbox: (key) => this.outbox.send(key),
      prepare: (key) => this.preparations.step(key),
      canary: () => this.watch.look(),
      uncount: (key) => this.watch.uncount(key),
    });
    this.outbox = new Outbox(sql, env.CACHE, this.jobs);
    this.versions = new Versions(sql);
    this.schedule = new Schedule(sql);
    this.edgeCounts = new EdgeCounts(sql);
    this.heads = new HeadPointers(sql, this.model, this.outbox);
    this.rollouts = new Rollout(sql, this.model, this.outbox, this.versions, this.heads);
    const { model, jobs, rollouts, versions, heads } = this;
    this.preparations = new Preparations({ env, model, storage: ctx.storage, jobs, versions, heads, rollouts });
    this.watch = new CanaryWatch({ env, model, storage: ctx.storage, jobs, rollouts, regions: () => this.regions() });
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  /** Keeps a signed, checked manifest as the next version; the same one again changes nothing. One at a time. */
  publish(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const turn = this.publishing.then(() => this.publishNext(manifest));
    this.publishing = turn.catch(() => {});
    return turn;
  }

  private async publishNext(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const text = canonicalJson(manifest);
    const sha256 = await sha256Hex(text);
    const refusal = this.versions.refusal(manifest.version, sha256);
    if (refusal) return fail(refusal);
    // The truth is in R2 before anything points to it.
    await this.env.ARTEFACTS.put(manifestKey(this.model, manifest.version), text);
    this.ctx.storage.transactionSync(() => {
      if (!this.versions.add(manifest, sha256)) return;
      this.rollouts.note("published", { version: manifest.version });
      const regions = this.regions();
      for (const region of regions) this.preparations.bring(manifest.version, region);
      if (regions.length === 0) this.versions.setState(manifest.version, "prepared");
    });
    return ok(this.versions.get(manifest.version) as RegisteredVersion);
  }

  /** Moves the pointer: to all (`share` null), or to a share of the callers as a canary. */
  rollout(version: number, share: number | null): Result<ModelPointer, RegistryRefusal> {
    return this.ctx.storage.transactionSync(() => {
      return this.move(version, share);
    });
  }

  /** Moves a share of the callers to a canary that is then promoted or rolled back by what its answers turn out to be. */
  rolloutWatched(order: WatchOrder): Result<ModelPointer, RegistryRefusal> {
    return this.ctx.storage.transactionSync(() => {
      const moved = this.move(order.version, order.share);
      if (moved.ok) this.watch.start(order);
      return moved;
    });
  }

  /** Ends a canary; without one, goes back to the stable version before, with the heads it had. */
  rollback(): Result<ModelPointer, RegistryRefusal> {
    return this.ctx.storage.transactionSync(() => {
      const moved = this.rollouts.back();
      if (moved.ok) this.watch.end();
      return moved;
    });
  }

  /** The canary that is watched, or the one that was last; null where none ever was. */
  canary(): CanaryState | null {
    return this.watch.state();
  }

  pointer(): ModelPointer {
    return this.rollouts.pointer();
  }

  list(): VersionList {
    const versions = this.versions
      .all()
      .map((row) => ({ ...row, preparing: this.preparations.regionsOf(row.version) }));
    return { versions, history: this.rollouts.history() };
  }

  /** Whether the caller is to ask the origin for training now: once a period, and one at a time. */
  claimTraining(everyMs: number, at: number): boolean {
    return this.ctx.storage.transactionSync(() => this.schedule.claim(everyMs, at));
  }

  /** Ends a claim: the origin was asked at `at`, or null where it took nothing. */
  endTrainingClaim(at: number | null): void {
    this.schedule.end(at);
  }

  headPointer(base: number, region: string): HeadPointer {
    return this.heads.pointer(base, region);
  }

  /** The number that a region's next head on a base version takes; numbers are never used twice. */
  nextHeadNumber(base: number, region: string): number {
    return this.heads.nextNumber(base, region);
  }

  /** Makes a head the region's current one; the same head again changes nothing. */
  publishHead(head: HeadManifest): HeadPointer {
    const { base, region, number } = head;
    return this.ctx.storage.transactionSync(() => {
      const current = this.heads.pointer(base, region);
      if (current.head?.number === number) return current;
      this.rollouts.note("head", { version: base, region });
      return this.heads.publish(head);
    });
  }

  /** Takes the rule that a region's own labels have moved. */
  setRule(base: number, region: string, rule: Rule): HeadPointer {
    return this.ctx.storage.transactionSync(() => this.heads.setRule(base, region, rule));
  }

  /** Gives a region back the head it had before, or the one of a number; null is the global one. */
  rollbackHead(base: number, region: string, number?: number | null): Result<HeadPointer, RegistryRefusal> {
    return this.ctx.storage.transactionSync((): Result<HeadPointer, RegistryRefusal> => {
      if (number === undefined) this.heads.back(base, region);
      else if (number !== null && !this.heads.has(base, region, number)) {
        return fail({ kind: "head-unknown", region, base, number });
      } else this.heads.point(base, region, number);
      this.rollouts.note("head-rollback", { version: base, region });
      return ok(this.heads.pointer(base, region));
    });
  }

  /** Every head that a region ever had, and what was done with them. */
  regionHistory(region: string): { heads: RegionHead[]; history: HistoryEvent[] } {
    return { heads: this.heads.all(region), history: this.rollouts.history(region) };
  }

  /** Takes a region's heads out of use, because what they learned from is forgotten. */
  forgetRegion(region: string): void {
    this.ctx.storage.transactionSync(() => {
      this.heads.forget(region);
      this.watch.forget(region);
      this.edgeCounts.forget(region);
      this.ctx.storage.sql.exec("DELETE FROM regions WHERE region = ?", region);
      this.ctx.storage.sql.exec("INSERT OR IGNORE INTO forgotten_regions VALUES (?)", region);
    });
  }

  /** Adds what an isolate answered at the edge; the same batch again changes nothing. */
  addCounts(batch: CountBatch): void {
    this.ctx.storage.transactionSync(() => this.edgeCounts.add(batch));
  }

  /** What the edge answered by itself, by region and version. */
  counts(): RegionCounts[] {
    return this.edgeCounts.all();
  }

  registerRegion(region: string): void {
    this.ctx.storage.sql.exec("INSERT OR IGNORE INTO regions VALUES (?, ?)", region, Date.now());
  }

  regions(): string[] {
    const rows = this.ctx.storage.sql.exec<{ region: string }>("SELECT region FROM regions ORDER BY region");
    return rows.toArray().map((row) => row.region);
  }

  /** The regions that there are, and those that were forgotten: whoever pulls samples is to hear of it. */
  regionsEver(): string[] {
    const query = "SELECT region FROM regions UNION SELECT region FROM forgotten_regions ORDER BY region";
    return this.ctx.storage.sql
      .exec<{ region: string }>(query)
      .toArray()
      .map(({ region }) => region);
  }

  private move(version: number, share: number | null): Result<ModelPointer, RegistryRefusal> {
    const moved = this.rollouts.move(version, share);
    if (!moved.ok) return moved;
    this.watch.end();
    this.preparations.bringAgain(version);
    return moved;
  }
}
