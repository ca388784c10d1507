import { DurableObject } from "cloudflare:workers";
import type {
  Answer,
  HeadPointer,
  Instance,
  Manifest,
  Question,
  Run,
  Taught,
  TraceEntry,
} from "../../workers/core/contract/index.ts";
import { addSums, encodeSums, labelsIn } from "../../workers/core/head/sums.ts";
import { limits } from "../../workers/core/limits.ts";
import { fail, ok, type Result } from "../../workers/core/result.ts";
import type { Hop } from "../../workers/core/rung/rung.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf, parseRegionObjectName } from "../names.ts";
import { registryObject, reviewObject } from "../stubs.ts";
import { Archive } from "./archive.ts";
import { Climb } from "./climb.ts";
import { Manifests, type RegionContext } from "./context.ts";
import { Drift } from "./drift.ts";
import { Embeddings } from "./embeddings.ts";
import { type ForgetRefusal, forget } from "./forget.ts";
import { Heads } from "./heads.ts";
import { type Arrival, type Conflict, recordOf, store } from "./intake.ts";
import { LiveRule } from "./live-rule.ts";
import { migrations } from "./migrations.ts";
import { Questions } from "./questions.ts";
import { Recall } from "./recall.ts";
import { Retrain } from "./retrain/index.ts";
import { type SamplePage, samplesSince } from "./sample-pages.ts";
import { Samples } from "./samples.ts";
import { SumShards } from "./sum-shards.ts";
import { type Lesson, type Teacher, type TeachRefusal, teach } from "./teach.ts";
import { Waiters } from "./waiters.ts";

/** The region's answers, and which head it has now: an edge that knows an older one looks it up. */
export interface RegionReply {
  answers: Answer[];
  headRevision: number;
}

export type ReadRefusal = { kind: "unknown" } | { kind: "not-yours" };

const runsShown = 50;

/** One a model and region: gathers what the edge was not sure of, sees to an answer, and learns from it. */
export class RegionObject extends DurableObject<Env> {
  private readonly context: RegionContext;
  private readonly climb: Climb;
  private readonly retrain: Retrain;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    migrate(storage, migrations);
    const { model, region } = parseRegionObjectName(nameOf(ctx.id));
    const jobs = new Jobs(storage, {
      climb: () => this.climb.climbDue(),
      review: () => this.climb.reviewDue(),
      withdraw: (id) => this.withdraw(id),
      retrain: (run, attempts) => this.retrain.step(run, attempts),
      schedule: () => this.startScheduledRun(),
      register: () => this.register(),
      expire: () => this.expire(),
      rule: () => this.tellRule(),
      archive: () => this.context.archive.step(),
      purge: (file) => this.context.archive.purge(file),
      drift: () => this.lookForDrift(),
    });
    const embeddings = new Embeddings(storage.sql);
    const samples = new Samples(storage.sql);
    this.context = {
      model,
      region,
      env,
      storage,
      jobs,
      questions: new Questions(storage.sql),
      samples,
      embeddings,
      sums: new SumShards(storage.sql),
      rule: new LiveRule(storage.sql, region),
      recall: new Recall(storage.sql, embeddings),
      drift: new Drift(storage.sql),
      archive: new Archive({ model, region, env, storage, jobs, samples, embeddings }),
      heads: new Heads(storage.sql),
      waiters: new Waiters(),
      manifests: new Manifests(env, model),
    };
    this.climb = new Climb(this.context);
    this.retrain = new Retrain(this.context);
  }

  override async alarm(): Promise<void> {
    await this.context.jobs.runDue();
  }

  /** Takes questions that the edge was not sure of, each once, and answers as far as the rungs above do in time. */
  async ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, Conflict>> {
    const deadline = Date.now() + hop.remainingMs;
    // Should this instance die while the next rung is asked, the job asks again.
    const climbAt = Date.now() + Math.min(hop.remainingMs, limits.nextRungTimeoutMs) + limits.climbBackoffMs;
    const manifest = await this.context.manifests.get(base);
    const stored = await this.take(
      manifest,
      questions.map((question) => ({ question, answer: this.context.recall.answer(manifest, question) })),
      hop,
      climbAt,
    );
    if (!stored.ok) return stored;
    const open = questions.filter(({ id }) => this.isOpen(id));
    const idle = open.filter(({ id }) => !this.climb.isInFlight(id));
    const busy = open.filter(({ id }) => this.climb.isInFlight(id));
    const [traces, recalled] = await Promise.all([
      this.climb.climb(manifest, idle, hop),
      this.tracesOf(
        manifest,
        questions.filter(({ id }) => !open.some((one) => one.id === id)),
        hop,
      ),
      ...busy.map(({ id }) => this.context.waiters.wait(id, deadline - Date.now())),
    ]);
    for (const [id, trace] of recalled) traces.set(id, trace);
    return ok(this.reply(base, questions, traces, hop.trace));
  }

  /** Keeps questions that the edge answered itself, each once: the first answer to an id stays. */
  async keep(base: number, arrivals: Arrival[], hop: Hop): Promise<Result<RegionReply, Conflict>> {
    const manifest = await this.context.manifests.get(base);
    const stored = await this.take(manifest, arrivals, hop, 0);
    if (!stored.ok) return stored;
    const questions = arrivals.map(({ question }) => question);
    const traces = await this.tracesOf(manifest, questions, hop);
    return ok(this.reply(base, questions, traces, hop.trace));
  }

  /** A question's answer, open or not, for who asked it; `asker` null is an admin. Waits up to `waitMs` for it. */
  async read(id: string, asker: string | null, waitMs: number): Promise<Result<Answer, ReadRefusal>> {
    const row = this.context.questions.find(id);
    if (!row) return fail({ kind: "unknown" });
    if (asker !== null && row.asker !== asker) return fail({ kind: "not-yours" });
    if (row.answer.status === "answered" || waitMs <= 0) return ok(row.answer);
    return ok((await this.context.waiters.wait(id, waitMs)) ?? row.answer);
  }

  /** Keeps labels that the world gave, all or none. */
  async takeTruths(base: number, lessons: Lesson[], teacher: Teacher): Promise<Result<Taught[], TeachRefusal>> {
    const manifest = await this.context.manifests.get(base);
    this.ensureSchedule(manifest);
    return teach(this.context, manifest, lessons, teacher);
  }

  /** Keeps a label that a person gave, as often as it is delivered. */
  async takeHumanLabel({ id, label, instance, at }: { id: string; label: string; instance: Instance; at: number }) {
    const base = this.context.questions.find(id)?.base ?? (await this.currentBase());
    if (base === null) return;
    const manifest = await this.context.manifests.get(base);
    const teacher: Teacher = { asker: null, source: "human", labelledAt: this.context.questions.find(id)?.at ?? at };
    const taught = await teach(this.context, manifest, [{ id, label, instance, at }], teacher);
    if (!taught.ok) throw new Error(`Error in takeHumanLabel: ${taught.error.kind} for question '${id}'`);
  }

  /** Starts a retrain with what is known at data time `at`, and waits up to `waitMs` for its end. */
  async startRetrain(base: number, at: number, waitMs: number): Promise<Run> {
    const run = this.retrain.start(base, at);
    return waitMs > 0 ? this.retrain.wait(run.id, waitMs) : run;
  }

  /** Makes this region's head for a new version; true once it is made, or found not to be needed. */
  prepare(version: number): boolean {
    const { samples } = this.context;
    if (samples.lastNumber() === 0 || this.retrain.runs.hasVerdictOn(version)) return true;
    this.retrain.start(version, Date.now());
    return false;
  }

  /** Takes what the registry says of this region's head. */
  setHead(base: number, pointer: HeadPointer): void {
    this.context.heads.set(base, pointer);
  }

  /** Forgets a question; `asker` null is an admin. Runs under way begin again without it. */
  async forgetQuestion(id: string, asker: string | null): Promise<Result<null, ForgetRefusal>> {
    const forgotten = await forget(this.context, id, asker);
    if (forgotten.ok) this.retrain.restart();
    return forgotten;
  }

  /** Samples that changed after a revision, and ids that were forgotten: a page, in the order of their revisions. */
  samplesSince(revision: number): Promise<SamplePage> {
    return samplesSince(this.context, revision);
  }

  /** The sums of all parts of train on a base version's backbone, as bytes, and how many labels they hold. */
  async sums(base: number): Promise<{ labels: number; backbone: string; bytes: ArrayBuffer }> {
    const { thin } = await this.context.manifests.get(base);
    const { width, classes } = thin.head;
    const parts = this.context.sums.readAll(thin.backbone.sha256, width, classes);
    const all = parts.reduce((sum, part) => addSums(sum, part));
    return { labels: labelsIn(all), backbone: thin.backbone.sha256, bytes: encodeSums(all).buffer };
  }

  /** What the region knows and is about, for the version that serves it. */
  async state(base: number) {
    const { region, questions, samples, heads, jobs, rule, drift, archive, recall } = this.context;
    const manifest = await this.context.manifests.get(base);
    const [lastRun = null] = this.retrain.runs.latest(1);
    return {
      certificate: rule.state(manifest),
      rule: heads.pointer(base).rule,
      recall: recall.state(base),
      drift: drift.latest(),
      archived: archive.count(),
      bytes: this.ctx.storage.sql.databaseSize,
      region,
      heads: heads.bases().map((base) => ({ base, number: heads.current(base)?.number ?? null })),
      questions: questions.counts(),
      samples: samples.counts(),
      newestSampleAt: samples.newest(),
      breaker: this.climb.breaker.state(Date.now()),
      retrainDueAt: jobs.dueOf("schedule", ""),
      lastRun,
    };
  }

  runs(): Run[] {
    return this.retrain.runs.latest(runsShown);
  }

  /** Forgets everything: questions, samples, runs. The registry takes the heads out of use. */
  async forget(): Promise<void> {
    await this.context.archive.removeAll();
    this.context.recall.drop();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    migrate(this.ctx.storage, migrations);
  }

  private tracesOf(manifest: Manifest, questions: readonly Question[], hop: Hop) {
    return hop.trace ? this.climb.traces(manifest, questions, hop) : new Map<string, TraceEntry[]>();
  }

  private async take(
    manifest: Manifest,
    arrivals: Arrival[],
    hop: Hop,
    climbAt: number,
  ): Promise<Result<null, Conflict>> {
    const records = await Promise.all(
      arrivals.map((arrival) => recordOf(this.context, manifest, arrival, hop.asker, climbAt)),
    );
    const conflict = store(this.context, manifest, records);
    if (conflict) return fail(conflict);
    if (manifest.policy.ladder.includes("human")) {
      for (const { id, audited } of records) if (audited) this.sendForLabel(id);
    }
    this.ensureSchedule(manifest);
    return ok(null);
  }

  private sendForLabel(id: string): void {
    this.context.questions.setReview(id, Date.now());
    this.context.jobs.bring("review", "", Date.now());
  }

  private isOpen(id: string): boolean {
    return this.context.questions.find(id)?.answer.status === "open";
  }

  private reply(base: number, questions: readonly Question[], traces: Map<string, Answer["trace"]>, trace: boolean) {
    const answers = questions.map(({ id }): Answer => {
      const answer = this.context.questions.find(id)?.answer as Answer;
      return trace ? { ...answer, trace: traces.get(id) ?? [] } : answer;
    });
    return { answers, headRevision: this.context.heads.pointer(base).revision };
  }

  // What every region that has something to keep owes: to be known to the registry, to learn, to forget in time.
  private ensureSchedule({ policy }: Manifest): void {
    const { jobs } = this.context;
    if (jobs.dueOf("schedule", "") !== null) return;
    jobs.put("register", "", Date.now());
    jobs.put("schedule", "", Date.now() + policy.retrainEverySeconds * 1_000);
    jobs.put("expire", "", Date.now() + limits.questionKeepMs);
    jobs.put("drift", "", Date.now() + limits.driftEveryMs);
    jobs.put("rule", "", Date.now() + limits.labelDueMs);
  }

  /** The job `rule`: the edge hears of a rule that has moved far enough, or gained or lost its certificate. */
  private async tellRule(): Promise<number> {
    const { rule, storage, region, heads } = this.context;
    const base = await this.currentBase();
    if (base === null) return Date.now() + limits.labelDueMs;
    const manifest = await this.context.manifests.get(base);
    storage.transactionSync(() => rule.advance(manifest));
    const news = rule.news(manifest);
    if (news) {
      const pointer = await this.registry().setRule(base, region, news);
      storage.transactionSync(() => {
        heads.set(base, pointer);
        rule.told(manifest, news);
      });
    }
    return rule.nextDue() ?? Date.now() + limits.labelDueMs;
  }

  /** The job `drift`: a monthly look at what comes in; an alarm brings the next retrain forward. */
  private async lookForDrift(): Promise<number> {
    const base = await this.currentBase();
    if (base !== null) {
      const { alarm } = this.context.drift.look(await this.context.manifests.get(base), Date.now());
      if (alarm) this.context.jobs.bring("schedule", "", Date.now());
    }
    return Date.now() + limits.driftEveryMs;
  }

  private async register(): Promise<null> {
    await this.registry().seeRegion(this.context.region);
    return null;
  }

  private async startScheduledRun(): Promise<number> {
    const base = await this.currentBase();
    if (base === null) return Date.now() + limits.jobRetryMaxMs;
    const { policy } = await this.context.manifests.get(base);
    this.retrain.start(base, Date.now());
    return Date.now() + policy.retrainEverySeconds * 1_000;
  }

  private async currentBase(): Promise<number | null> {
    const { stable, held } = await this.registry().pointer();
    return held[this.context.region] ?? stable;
  }

  private async withdraw(id: string): Promise<null> {
    await reviewObject(this.env, this.context.model).withdraw([id]);
    return null;
  }

  private async expire(): Promise<number> {
    this.context.questions.expire(Date.now());
    this.context.rule.expire();
    return Math.max(this.context.questions.nextExpiry() ?? 0, Date.now() + limits.jobRetryMaxMs);
  }

  private registry() {
    return registryObject(this.env, this.context.model);
  }
}
