import { DurableObject } from "cloudflare:workers";
import type { Answer, CanaryCount, HeadPointer, LabelResult, Question, Run } from "#core/contract/index.ts";
import { addSums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { Hop } from "#core/rung/rung.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf, parseRegionObjectName } from "../names.ts";
import { registryObject, reviewObject } from "../stubs.ts";
import { Asking } from "./answering/asking.ts";
import { Escalation } from "./answering/escalation.ts";
import { SemanticCache } from "./answering/semantic-cache.ts";
import { closeQuestion } from "./answering/settle.ts";
import { Waiters } from "./answering/waiters.ts";
import type {
  CanaryPair,
  ForgetRefusal,
  HumanLabel,
  IncomingQuestion,
  LabelContext,
  LabelRefusal,
  NewLabel,
  QuestionConflict,
  ReadRefusal,
  RegionActivity,
  RegionApi,
  RegionReply,
  RegionState,
  SampleChanges,
} from "./api.ts";
import { RegionJobs } from "./jobs.ts";
import { Archive } from "./labels/archive.ts";
import { CanaryCounts } from "./labels/canary-counts.ts";
import { type ForgetNeeds, forget } from "./labels/forget.ts";
import { LiveRule } from "./labels/live-rule.ts";
import { type LabelNeeds, recordLabels } from "./labels/record-labels.ts";
import { samplesSince } from "./labels/sample-pages.ts";
import { Manifests } from "./manifests.ts";
import { migrations } from "./migrations.ts";
import { Drift } from "./retrain/drift.ts";
import { Retrain } from "./retrain/index.ts";
import { RegionCounter } from "./tables/counts.ts";
import { Embeddings } from "./tables/embeddings.ts";
import { Heads } from "./tables/heads.ts";
import { Questions } from "./tables/questions.ts";
import { Samples } from "./tables/samples.ts";
import { SumShards } from "./tables/sums.ts";
import { Turns } from "./turns.ts";

const runsShown = 50;

/** A region of a model: stores escalated questions, answers them, records their labels, and retrains the region's head. */
export class RegionObject extends DurableObject<Env> implements RegionApi {
  private readonly region: string;
  private readonly jobs: Jobs;
  private readonly turns = new Turns();
  private readonly waiters = new Waiters();
  private readonly manifests: Manifests;
  private readonly questions: Questions;
  private readonly samples: Samples;
  private readonly sumShards: SumShards;
  private readonly heads: Heads;
  private readonly counter: RegionCounter;
  private readonly canary: CanaryCounts;
  private readonly drift: Drift;
  private readonly rule: LiveRule;
  private readonly semanticCache: SemanticCache;
  private readonly archive: Archive;
  private readonly escalation: Escalation;
  private readonly retrain: Retrain;
  private readonly scheduled: RegionJobs;
  private readonly asking: Asking;
  private readonly labelling: LabelNeeds;
  private readonly forgetting: ForgetNeeds;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    const { sql } = storage;
    migrate(storage, migrations);
    const { model, region } = parseRegionObjectName(nameOf(ctx.id));
    const registry = () => registryObject(env, model);
    const review = () => reviewObject(env, model);
    this.region = region;
    this.jobs = new Jobs(storage, {
      escalate: () => this.escalation.escalateDue(),
      review: () => this.escalation.reviewDue(),
      withdraw: (id) => this.scheduled.withdraw(id),
      "forget-in-review": (id) => this.scheduled.forgetInReview(id),
      retrain: (run, attempts) => this.retrain.step(run, attempts),
      schedule: () => this.scheduled.startScheduledRun(),
      register: () => this.scheduled.register(),
      expire: () => this.scheduled.expire(),
      rule: () => this.scheduled.publishRules(),
      archive: (max) => this.turns.take(() => this.archive.step(Number(max))),
      purge: (file) => this.turns.take(() => this.archive.purge(file)),
      drift: () => this.scheduled.checkDrift(),
    });
    const embeddings = new Embeddings(sql);
    this.manifests = new Manifests(env, model);
    this.questions = new Questions(sql);
    this.samples = new Samples(sql);
    this.sumShards = new SumShards(sql);
    this.heads = new Heads(sql);
    this.counter = new RegionCounter(sql);
    this.canary = new CanaryCounts(sql);
    this.drift = new Drift(sql);
    const { jobs, turns, waiters, manifests, questions, samples, heads, canary, drift } = this;
    const [counts, sums] = [this.counter, this.sumShards];
    this.rule = new LiveRule(sql, region, heads);
    this.semanticCache = new SemanticCache(sql, embeddings);
    this.archive = new Archive({ model, region, env, storage, jobs, samples, embeddings });
    const { rule, semanticCache, archive } = this;
    this.escalation = new Escalation({
      ...{ model, region, env, storage, jobs, questions, counts, waiters, manifests, canary, review },
      ...{ samples, embeddings, semanticCache, archive },
    });
    this.retrain = new Retrain({
      ...{ model, region, env, storage, jobs, turns, manifests, registry, heads },
      ...{ samples, embeddings, sums, semanticCache, drift },
    });
    const { escalation, retrain } = this;
    this.scheduled = new RegionJobs({
      ...{ region, registry, review, storage, jobs, manifests, questions, samples, rule, heads, drift, retrain },
    });
    this.asking = new Asking({
      ...{ model, region, env, storage, jobs, questions, counts, waiters, manifests, rule, canary },
      ...{ semanticCache, heads, escalation },
      inheritCertificate: (base) => this.scheduled.inheritCertificate(base),
      scheduleJobs: (manifest) => this.scheduled.schedule(manifest),
    });
    this.labelling = {
      ...{ model, region, env, storage, jobs, questions, counts, waiters, manifests, rule, canary },
      ...{ samples, embeddings, semanticCache, archive },
    };
    this.forgetting = {
      ...{ storage, jobs, questions, samples, embeddings, sums, archive, rule, canary, semanticCache, waiters },
    };
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    return this.asking.ask(base, questions, hop);
  }

  keep(base: number, arrivals: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    return this.asking.keep(base, arrivals, hop);
  }

  async read(id: string, owner: string | null, waitMs: number): Promise<Result<Answer, ReadRefusal>> {
    const row = this.questions.find(id);
    if (!row) return fail({ kind: "unknown" });
    if (owner !== null && row.owner !== owner) return fail({ kind: "not-yours" });
    if (row.answer.status === "answered" || waitMs <= 0) return ok(row.answer);
    return ok((await this.waiters.wait(id, waitMs)) ?? row.answer);
  }

  async recordTruths(
    base: number,
    labels: NewLabel[],
    context: LabelContext,
  ): Promise<Result<LabelResult[], LabelRefusal>> {
    const manifest = await this.manifests.get(base);
    this.scheduled.schedule(manifest);
    const recorded = await recordLabels(this.labelling, manifest, labels, context);
    if (recorded.ok) this.scheduled.bringRetrainForward(manifest);
    return recorded;
  }

  async recordHumanLabel({ id, label, instance, at, traceparent = null }: HumanLabel): Promise<void> {
    const { questions, samples } = this;
    // It was on its way when the question was forgotten.
    if (!questions.find(id) && samples.isForgotten(id)) return;
    const asked = questions.find(id)?.base;
    let manifest = asked === undefined ? null : await this.manifests.get(asked);
    // A version that came since may have a label that the one that was asked has not.
    if (!manifest?.labels.includes(label)) manifest = await this.scheduled.currentManifest();
    if (manifest === null) return;
    const context: LabelContext = {
      owner: null,
      source: "human",
      labelledAt: questions.find(id)?.at ?? at,
      traceparent,
    };
    const recorded = await recordLabels(
      this.labelling,
      manifest,
      [{ id, label, at, ...(instance ? { instance } : {}) }],
      context,
    );
    // A correction of what was forgotten with its whole region: it was here once, so it brings no instance.
    if (!recorded.ok && recorded.error.kind === "no-instance") return;
    if (!recorded.ok) throw new Error(`The label of question '${id}' was refused: ${recorded.error.kind}`);
    this.scheduled.bringRetrainForward(manifest);
  }

  async closeUnanswered(id: string): Promise<void> {
    const { questions, manifests } = this;
    const { storage } = this.ctx;
    const base = questions.find(id)?.base;
    const manifest = base === undefined ? null : await manifests.get(base);
    const answer = questions.find(id)?.answer;
    if (manifest && answer)
      storage.transactionSync(() => closeQuestion(this.labelling, manifest, { ...answer, status: "answered" }));
  }

  async startRetrain(base: number, at: number, waitMs: number): Promise<Run> {
    const run = this.retrain.start(base, at);
    return waitMs > 0 ? this.retrain.wait(run.id, waitMs) : run;
  }

  prepare(version: number): boolean {
    const { samples } = this;
    if (samples.lastNumber() === 0 || this.retrain.runs.hasVerdictOn(version)) return true;
    this.retrain.start(version, Date.now());
    return false;
  }

  async countCanary({ watch, stable, canary }: CanaryPair): Promise<CanaryCount> {
    const { manifests, canary: counts } = this;
    const { storage } = this.ctx;
    const [before, next] = await Promise.all([manifests.get(stable), manifests.get(canary)]);
    storage.transactionSync(() => counts.begin(watch, before, next));
    return counts.count();
  }

  endCanary(watch: number): void {
    this.ctx.storage.transactionSync(() => this.canary.end(watch));
  }

  setHead(base: number, pointer: HeadPointer): void {
    this.heads.set(base, pointer);
  }

  forgetQuestion(id: string, owner: string | null): Promise<Result<null, ForgetRefusal>> {
    return this.turns.take(async () => {
      const forgotten = await forget(this.forgetting, id, owner);
      if (forgotten.ok) this.retrain.restart();
      return forgotten;
    });
  }

  samplesSince(revision: number): Promise<SampleChanges> {
    return samplesSince({ samples: this.samples, archive: this.archive }, revision);
  }

  async sums(base: number): Promise<{ labels: number; backbone: string; bytes: ArrayBuffer }> {
    const { thin } = await this.manifests.get(base);
    const { width, classes } = thin.head;
    const parts = this.sumShards.readAll(thin.backbone.sha256, width, classes);
    const all = parts.reduce((sum, part) => addSums(sum, part));
    return { labels: labelsIn(all), backbone: thin.backbone.sha256, bytes: encodeSums(all).buffer };
  }

  counts(): RegionActivity {
    const { counter: counts, questions, region } = this;
    const { open } = questions.counts();
    return { region, versions: counts.all(), open, breaker: this.escalation.breaker.state(Date.now()) };
  }

  async state(base: number): Promise<RegionState> {
    const { region, questions, samples, heads, jobs, rule, drift, archive, semanticCache } = this;
    const manifest = await this.manifests.get(base);
    const [lastRun = null] = this.retrain.runs.latest(1);
    return {
      certificate: rule.state(manifest),
      rule: heads.pointer(base).rule,
      semanticCache: semanticCache.state(base),
      drift: drift.latest(),
      archived: archive.count(),
      bytes: this.ctx.storage.sql.databaseSize,
      region,
      headManifest: heads.current(base),
      questions: questions.counts(),
      samples: samples.counts(),
      newestSampleAt: samples.newest(),
      breaker: this.escalation.breaker.state(Date.now()),
      retrainDueAt: jobs.dueOf("schedule", ""),
      lastRun,
    };
  }

  runs(): Run[] {
    return this.retrain.runs.latest(runsShown);
  }

  forget(): Promise<void> {
    return this.turns.take(async () => {
      // Before they go: revisions are not used twice.
      const revision = this.samples.lastRevision() + 1;
      await this.archive.removeAll();
      this.semanticCache.drop();
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      migrate(this.ctx.storage, migrations);
      this.samples.beginAgain(revision);
      this.retrain.restart();
    });
  }
}
