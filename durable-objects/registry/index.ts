import { DurableObject } from "cloudflare:workers";
import { allowsLocalWebhooks } from "#core/alerts.ts";
import type { BudgetGrant, BudgetReport } from "#core/budget/lease.ts";
import { leftMs } from "#core/clock.ts";
import type { GroupPlan, GroupSums } from "#core/confidence/group.ts";
import {
  type AddedWebhook,
  type Alerts,
  type CanaryState,
  type CertificateState,
  type HeadManifest,
  type HeadPointer,
  type HistoryEvent,
  type Manifest,
  type ModelPointer,
  type ModelSpending,
  modelNameSchema,
  type QuestionBrief,
  type RegionCounts,
  type RegionHead,
  type Rule,
  type SeriesRange,
  type VersionList,
  type WebhookOrder,
} from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { RateLimit, Turns } from "#core/rung/external/rate-limit.ts";
import { Jobs, type Lane } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf } from "../names.ts";
import type { RegionReport } from "../region/api.ts";
import { regionObject } from "../stubs.ts";
import { Alerting } from "./alerting.ts";
import type {
  CountBatch,
  CountedStep,
  LookRequest,
  RegionNews,
  RegisteredVersion,
  RegistryApi,
  RegistryLook,
  RegistryRefusal,
  ReportReceipt,
  RestoredRegistry,
  ServedHead,
  WatchOrder,
} from "./api.ts";
import { CanaryWatch } from "./canary-watch.ts";
import { Copying } from "./copying.ts";
import { GroupCertificates } from "./group-certificates.ts";
import { HeadPointers } from "./head-pointers.ts";
import { Looks } from "./looks.ts";
import { migrations } from "./migrations.ts";
import { Outages } from "./outages.ts";
import { Outbox, versionKeys } from "./outbox.ts";
import { Preparations } from "./preparations.ts";
import { Publishing } from "./publishing.ts";
import { Reconciliation } from "./reconciliation.ts";
import { Restoring } from "./restoring.ts";
import { Rollout } from "./rollout.ts";
import { Spendings } from "./spendings.ts";
import { AlertTables } from "./tables/alerts.ts";
import { Canaries } from "./tables/canaries.ts";
import { EdgeCounts } from "./tables/edge-counts.ts";
import { GroupSumStore } from "./tables/group-sums.ts";
import { HeadStore } from "./tables/heads.ts";
import { RolloutHistory } from "./tables/history.ts";
import { Ledger } from "./tables/ledger.ts";
import { OpenedRegions } from "./tables/opened-regions.ts";
import { Pointers } from "./tables/pointers.ts";
import { KnownRegions } from "./tables/regions.ts";
import { Reports } from "./tables/reports.ts";
import { SeriesTable } from "./tables/series.ts";
import { TrainingSchedule } from "./tables/training-schedule.ts";
import { TurnBuckets } from "./tables/turns.ts";
import { Versions } from "./tables/versions.ts";

/** What KV and the regions are called for runs beside the other jobs, and some at once. */
const lanes: Record<string, Lane> = {
  outbox: { atOnce: 8, first: versionKeys },
  // On a busy machine 1,000 regions are prepared in 10 s, most of which is left to questions and rollouts.
  prepare: { atOnce: 8, restMs: 40 },
  "end-canary": { atOnce: 16 },
  adopt: { atOnce: 16 },
  "ask-regions": { atOnce: 1 },
  alert: { atOnce: 4 },
};

/** How often a report looks whether the budget leaves questions out. */
const budgetEveryMs = 60_000;

/** The registry of a model: its versions, which one serves which callers, and which head each region uses. */
export class RegistryObject extends DurableObject<Env> implements RegistryApi {
  /** Whether this is the registry of a model, not the books of what is passed on. */
  private readonly isOfModel: boolean;
  private readonly jobs: Jobs;
  private readonly versions: Versions;
  private readonly history: RolloutHistory;
  private readonly heads: HeadStore;
  private readonly known: KnownRegions;
  private readonly opened: OpenedRegions;
  private readonly edgeCounts: EdgeCounts;
  private readonly trainings: TrainingSchedule;
  private readonly turns: TurnBuckets;
  private readonly spendings: Spendings;
  private readonly outbox: Outbox;
  private readonly headPointers: HeadPointers;
  private readonly pointers: Rollout;
  private readonly groups: GroupCertificates;
  private readonly preparations: Preparations;
  private readonly publishing: Publishing;
  private readonly watch: CanaryWatch;
  private readonly looks: Looks;
  private readonly alerting: Alerting;
  private readonly outages: Outages;
  private readonly copying: Copying;
  private readonly reconciliation: Reconciliation;
  private readonly restoring: Restoring;
  private budgetSeenAt = 0;
  /** Changes the registry, and has the change copied. */
  private readonly transaction = <T>(work: () => T): T => {
    const value = this.ctx.storage.transactionSync(work);
    this.copying.request();
    this.reconciliation.start();
    return value;
  };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const model = nameOf(ctx.id);
    this.isOfModel = modelNameSchema.safeParse(model).success;
    const { sql } = ctx.storage;
    const steps = {
      outbox: (key: string) => this.outbox.send(key),
      prepare: (key: string) => this.preparations.check(key),
      canary: () => this.watch.evaluate(),
      "end-canary": (key: string) => this.watch.endInRegion(key),
      copy: () => this.copying.send(),
      reconcile: () => this.reconciliation.run(),
      adopt: (region: string) => this.restoring.adopt(region),
      "ask-regions": () => this.looks.ask(),
      alert: (key: string) => this.alerting.deliver(key),
      outage: (key: string) => this.outages.check(key),
    };
    this.jobs = new Jobs(ctx.storage, steps, lanes);
    this.versions = new Versions(sql);
    this.history = new RolloutHistory(sql);
    this.heads = new HeadStore(sql);
    this.known = new KnownRegions(sql);
    this.opened = new OpenedRegions(sql);
    this.edgeCounts = new EdgeCounts(sql);
    this.trainings = new TrainingSchedule(sql);
    this.turns = new TurnBuckets(sql);
    this.spendings = new Spendings(new Ledger(sql), this.edgeCounts);
    this.outbox = new Outbox({ sql, kv: env.CACHE, jobs: this.jobs });
    const { jobs, versions, history, heads, outbox, transaction } = this;
    this.alerting = new Alerting({ model, tables: new AlertTables(sql), jobs, allowsLocal: allowsLocalWebhooks(env) });
    const { alerting } = this;
    const regions = () => this.known.all();
    this.headPointers = new HeadPointers({ model, heads, outbox });
    const rollout = new Rollout({
      model,
      pointers: new Pointers(sql),
      versions,
      heads: this.headPointers,
      history,
      outbox,
    });
    this.pointers = rollout;
    this.groups = new GroupCertificates({
      sums: new GroupSumStore(sql),
      show: (base, state, { scope }) => rollout.showGroup(base, state, scope),
      alerting,
    });
    this.preparations = new Preparations({
      ...{ jobs, versions, heads: this.headPointers, rollout, transaction },
      prepareRegion: (region, version) => regionObject(env, model, region).prepare(version),
    });
    const { preparations } = this;
    this.publishing = new Publishing({
      ...{ model, artefacts: env.ARTEFACTS, kv: env.CACHE, versions, history, preparations, regions, transaction },
    });
    const canaries = new Canaries(sql);
    this.watch = new CanaryWatch({
      ...{ canaries, rollout, jobs, regions, alerting, transaction },
      regionObject: (region) => regionObject(env, model, region),
    });
    const inStorage = <T>(work: () => T) => ctx.storage.transactionSync(work);
    const failing = () => this.looks.failing();
    this.outages = new Outages({ alerting, jobs, failing, transaction: inStorage });
    this.looks = new Looks({
      isOnNode: env.UPLINK !== undefined,
      ...{ reports: new Reports(sql), edgeCounts: this.edgeCounts, rollout, jobs, canary: () => this.watch.state() },
      ...{ groups: this.groups, spendings: this.spendings, series: new SeriesTable(sql) },
      ...{ alerting, outages: this.outages, transaction: inStorage },
      readRegion: async (region, base) => {
        const object = regionObject(env, model, region);
        const [activity, state] = await Promise.all([object.counts(), object.state(base)]);
        return { base, activity, state };
      },
    });
    this.copying = new Copying({ model, sql, bucket: env.ARTEFACTS, versions, rollout, jobs });
    const { copying, watch } = this;
    this.reconciliation = new Reconciliation({
      ...{ model, kv: env.CACHE, versions, rollout, heads, outbox, copying, jobs },
    });
    this.restoring = new Restoring({
      ...{ model, storage: ctx.storage, env, versions, rollout, heads, headPointers: this.headPointers, history },
      ...{ regions: this.known, outbox, preparations, canaries, jobs, transaction },
      endWatch: (version) => watch.endUnless(version),
      regionObject: (region) => regionObject(env, model, region),
    });
    this.reconciliation.start();
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  jurisdiction(): string | null {
    return this.ctx.id.jurisdiction ?? null;
  }

  publish(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    return this.publishing.publish(manifest);
  }

  take(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    return this.publishing.take(manifest);
  }

  rollout(version: number, share: number | null): Result<ModelPointer, RegistryRefusal> {
    return this.transaction(() => this.move(version, share));
  }

  rolloutWatched(order: WatchOrder): Result<ModelPointer, RegistryRefusal> {
    return this.transaction(() => {
      const moved = this.move(order.version, order.share);
      if (moved.ok) this.watch.start(order);
      return moved;
    });
  }

  rollback(): Result<ModelPointer, RegistryRefusal> {
    return this.transaction(() => {
      const moved = this.pointers.back();
      if (!moved.ok) return moved;
      this.watch.end();
      // A region that is still held back stopped preparing for a version that had retired.
      if (moved.value.stable !== null) this.preparations.requestForHeld(moved.value.stable);
      return moved;
    });
  }

  async restore(): Promise<Result<RestoredRegistry, RegistryRefusal>> {
    const restored = await this.restoring.restore();
    this.looks.reset();
    this.edgeCounts.reset();
    return restored;
  }

  canary(): CanaryState | null {
    return this.watch.state();
  }

  pointer(): ModelPointer {
    return this.pointers.pointer();
  }

  list(): VersionList & { pointer: ModelPointer } {
    const pending = this.preparations.pendingRegions();
    const versions = this.versions.all().map((row) => ({ ...row, preparing: pending.get(row.version) ?? [] }));
    return { versions, history: this.history.latest(), pointer: this.pointer() };
  }

  claimTraining(everyMs: number, at: number): boolean {
    return this.transaction(() => this.trainings.claim(everyMs, at, this.history.firstAt()));
  }

  endTrainingClaim(at: number | null): void {
    this.trainings.end(at);
  }

  headPointer(base: number, region: string): HeadPointer {
    return this.heads.pointer(base, region);
  }

  headPointersAt(base: number, regions: string[]): HeadPointer[] {
    return regions.map((region) => this.heads.pointer(base, region));
  }

  servedHeads(): ServedHead[] {
    const { stable, heldBack } = this.pointers.pointer();
    const lost = new Set(this.history.lostRegions());
    return this.known.all().map((region) => {
      const base = own(heldBack, region) ?? stable;
      const head = base === null ? null : this.heads.pointer(base, region).head;
      return { region, head, isLost: lost.has(region) };
    });
  }

  nextHeadNumber(base: number, region: string): number {
    this.requireState(region);
    return this.heads.nextNumber(base, region);
  }

  publishHead(head: HeadManifest): HeadPointer {
    const { base, region, number } = head;
    this.requireState(region);
    return this.transaction(() => {
      this.known.add(region, null);
      const current = this.heads.pointer(base, region);
      if (current.head?.number === number) return current;
      this.history.add("head", { version: base, region });
      return this.headPointers.publish(head);
    });
  }

  addGroupSums(base: number, region: string, sums: GroupSums, plan: GroupPlan, epoch?: string): number {
    this.requireState(region);
    return this.transaction(() => this.groups.add(base, region, sums, plan, epoch));
  }

  groupState(base: number, plan: Pick<GroupPlan, "targetRisk" | "delta">): CertificateState | null {
    return this.groups.state(base, plan);
  }

  setRule(base: number, region: string, rule: Rule): HeadPointer {
    this.requireState(region);
    return this.transaction(() => {
      this.known.add(region, null);
      return this.headPointers.setRule(base, region, rule);
    });
  }

  rollbackHead(
    base: number,
    region: string,
    number?: number | null,
    forgetsRule = false,
  ): Result<HeadPointer, RegistryRefusal> {
    this.requireState(region);
    return this.transaction(() => {
      if (number && !this.heads.find(base, region, number)) return fail({ kind: "head-unknown", region, base, number });
      this.history.add("head-rollback", { version: base, region });
      const to = number === undefined ? this.headPointers.before(base, region) : number;
      return ok(forgetsRule ? this.headPointers.reset(base, region, to) : this.headPointers.point(base, region, to));
    });
  }

  regionHistory(region: string): { heads: RegionHead[]; history: HistoryEvent[] } {
    return { heads: this.heads.all(region), history: this.history.latest(region) };
  }

  addCounts(batch: CountBatch): void {
    // Copied with the next change: counts come every two seconds.
    this.ctx.storage.transactionSync(() => {
      this.looks.noteSeries();
      this.edgeCounts.add(batch);
    });
  }

  counts(): RegionCounts[] {
    return this.edgeCounts.all();
  }

  report(region: string, report: RegionReport): ReportReceipt | null {
    return this.looks.take(region, report);
  }

  recentQuestions(regions: string[] | null): QuestionBrief[] {
    return this.looks.recentQuestions(regions);
  }

  series(range: SeriesRange): CountedStep[] {
    return this.looks.series(range);
  }

  look(request: LookRequest): RegistryLook {
    return this.looks.look(request);
  }

  news(since: number): RegionNews {
    return this.looks.news(since);
  }

  alerts(): Alerts {
    return this.alerting.list();
  }

  addWebhook(order: WebhookOrder, createdBy: string): Result<AddedWebhook, RegistryRefusal> {
    return this.ctx.storage.transactionSync(() => this.alerting.add(order, createdBy));
  }

  removeWebhook(id: string): boolean {
    return this.ctx.storage.transactionSync(() => this.alerting.remove(id));
  }

  testWebhook(id: string): string | null {
    return this.ctx.storage.transactionSync(() => this.alerting.test(id));
  }

  takeTurns(rung: string, wanted: number, limit: RateLimit): Turns {
    return this.ctx.storage.transactionSync(() => this.turns.take(rung, wanted, limit, Date.now()));
  }

  takeBudgetReport(region: string, report: BudgetReport, usdPerMonth: number | null): BudgetGrant {
    this.requireState(region);
    return this.transaction(() => {
      const grant = this.spendings.take(region, report, usdPerMonth);
      this.lookAtBudget(usdPerMonth);
      return grant;
    });
  }

  spending(usdPerMonth: number | null): ModelSpending {
    return this.spendings.state(usdPerMonth);
  }

  openRegions(names: string[], token: string, perDay: number): string[] {
    return this.transaction(() => this.opened.open(names, token, perDay));
  }

  openedOf(names: string[]): string[] {
    return names.filter((name) => this.opened.has(name));
  }

  registerRegion(region: string, epoch: string | null = null): void {
    this.transaction(() => {
      const is = this.known.add(region, epoch);
      if (is === "new") this.looks.expect(region);
      if (is !== "lost") return;
      const reason = "the region's object lost its state: see OPERATIONS.md";
      this.history.add("region-lost", { version: this.pointers.pointer().stable ?? 0, region, reason });
    });
  }

  headPointersOf(region: string): { base: number; pointer: HeadPointer }[] {
    return this.heads.basesOf(region).map((base) => ({ base, pointer: this.heads.pointer(base, region) }));
  }

  regions(): string[] {
    return this.known.all();
  }

  regionsEver(): string[] {
    return this.known.ever();
  }

  forgetRegion(region: string): void {
    this.transaction(() => {
      this.looks.forgetRegion(region);
      this.headPointers.forget(region);
      this.watch.forgetRegion(region);
      this.edgeCounts.forgetRegion(region);
      this.groups.forgetRegion(region);
      this.known.forget(region);
      this.spendings.forgetRegion(region);
      this.alerting.forgetRegion(region);
    });
  }

  // Its state is summed over all regions.
  private lookAtBudget(usdPerMonth: number | null): void {
    if (usdPerMonth === null || leftMs(this.budgetSeenAt + budgetEveryMs, budgetEveryMs, Date.now()) > 0) return;
    this.budgetSeenAt = Date.now();
    this.alerting.budget(this.spendings.state(usdPerMonth));
  }

  // An empty registry would count heads, revisions and dollars from the start again: callers try again once it is restored.
  private requireState(region: string): void {
    // The books of what is passed on are of no model, and have no versions.
    if (this.isOfModel && this.versions.latest() === null) {
      throw new Error("This registry has no version: it lost its state. Restore it: npx upriver restore <model>.");
    }
    if (this.jobs.dueOf("adopt", region) !== null) {
      throw new Error(`This registry was restored, and has not asked region '${region}' for its heads yet.`);
    }
  }

  private move(version: number, share: number | null): Result<ModelPointer, RegistryRefusal> {
    const moved = this.pointers.move(version, share);
    if (!moved.ok) return moved;
    this.watch.end();
    this.preparations.requestForRollout(version);
    return moved;
  }
}
