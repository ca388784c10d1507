import { DurableObject } from "cloudflare:workers";
import type { Answer, CanaryCount, HeadPointer, LabelResult, Question, Run } from "#core/contract/index.ts";
import { addSums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { Hop } from "#core/rung/rung.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf, parseRegionObjectName } from "../names.ts";
import { Asking } from "./answering/asking.ts";
import { Escalation } from "./answering/escalation.ts";
import { SemanticCache } from "./answering/semantic-cache.ts";
import { close } from "./answering/settle.ts";
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
import { Manifests, type RegionContext } from "./context.ts";
import { Archive } from "./labels/archive.ts";
import { CanaryCounts } from "./labels/canary-counts.ts";
import { forget } from "./labels/forget.ts";
import { LiveRule } from "./labels/live-rule.ts";
import { teach } from "./labels/record-labels.ts";
import { samplesSince } from "./labels/sample-pages.ts";
import { migrations } from "./migrations.ts";
import { Drift } from "./retrain/drift.ts";
import { Retrain } from "./retrain/index.ts";
import { Duties } from "./scheduled.ts";
import { RegionCounter } from "./tables/counts.ts";
import { Embeddings } from "./tables/embeddings.ts";
import { Heads } from "./tables/heads.ts";
import { Questions } from "./tables/questions.ts";
import { Samples } from "./tables/samples.ts";
import { SumShards } from "./tables/sums.ts";
import { Turns } from "./turns.ts";

const runsShown = 50;

/** One a model and region: gathers what the edge was not sure of, sees to an answer, and learns from it. */
export class RegionObject extends DurableObject<Env> implements RegionApi {
  private readonly context: RegionContext;
  private readonly escalate: Escalation;
  private readonly retrain: Retrain;
  private readonly duties: Duties;
  private readonly asking: Asking;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    migrate(storage, migrations);
    const { model, region } = parseRegionObjectName(nameOf(ctx.id));
    const jobs = new Jobs(storage, {
      escalate: () => this.escalate.escalateDue(),
      review: () => this.escalate.reviewDue(),
      withdraw: (id) => this.duties.withdraw(id),
      disown: (id) => this.duties.disown(id),
      retrain: (run, attempts) => this.retrain.step(run, attempts),
      schedule: () => this.duties.startScheduledRun(),
      register: () => this.duties.register(),
      expire: () => this.duties.expire(),
      rule: () => this.duties.tellRule(),
      archive: (max) => this.context.turns.take(() => this.context.archive.step(Number(max))),
      purge: (file) => this.context.turns.take(() => this.context.archive.purge(file)),
      drift: () => this.duties.lookForDrift(),
    });
    const embeddings = new Embeddings(storage.sql);
    const samples = new Samples(storage.sql);
    const heads = new Heads(storage.sql);
    this.context = {
      model,
      region,
      env,
      storage,
      jobs,
      turns: new Turns(),
      questions: new Questions(storage.sql),
      samples,
      embeddings,
      sums: new SumShards(storage.sql),
      rule: new LiveRule(storage.sql, region, heads),
      semanticCache: new SemanticCache(storage.sql, embeddings),
      drift: new Drift(storage.sql),
      canary: new CanaryCounts(storage.sql),
      counts: new RegionCounter(storage.sql),
      archive: new Archive({ model, region, env, storage, jobs, samples, embeddings }),
      heads,
      waiters: new Waiters(),
      manifests: new Manifests(env, model),
    };
    this.escalate = new Escalation(this.context);
    this.retrain = new Retrain(this.context);
    this.duties = new Duties(this.context, this.retrain);
    this.asking = new Asking(this.context, this.escalate, this.duties);
  }

  override async alarm(): Promise<void> {
    await this.context.jobs.runDue();
  }

  /** Takes questions that the edge was not sure of, each once, and answers as far as memory and the rungs above do in time. */
  ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    return this.asking.ask(base, questions, hop);
  }

  /** Keeps questions that the edge answered itself, each once: the first answer to an id stays. */
  keep(base: number, arrivals: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, QuestionConflict>> {
    return this.asking.keep(base, arrivals, hop);
  }

  /** A question's answer, open or not, for who asked it; `asker` null is an admin. Waits up to `waitMs` for it. */
  async read(id: string, owner: string | null, waitMs: number): Promise<Result<Answer, ReadRefusal>> {
    const row = this.context.questions.find(id);
    if (!row) return fail({ kind: "unknown" });
    if (owner !== null && row.owner !== owner) return fail({ kind: "not-yours" });
    if (row.answer.status === "answered" || waitMs <= 0) return ok(row.answer);
    return ok((await this.context.waiters.wait(id, waitMs)) ?? row.answer);
  }

  /** Keeps labels that the world gave, all or none. */
  async recordTruths(
    base: number,
    lessons: NewLabel[],
    teacher: LabelContext,
  ): Promise<Result<LabelResult[], LabelRefusal>> {
    const manifest = await this.context.manifests.get(base);
    this.duties.begin(manifest);
    const taught = await teach(this.context, manifest, lessons, teacher);
    if (taught.ok) this.duties.hasten(manifest);
    return taught;
  }

  /** Keeps a label that a person gave, as often as it is delivered. */
  async recordHumanLabel({ id, label, instance, at, traceparent = null }: HumanLabel): Promise<void> {
    const { questions, samples } = this.context;
    // It was on its way when the question was forgotten.
    if (!questions.find(id) && samples.isForgotten(id)) return;
    const asked = questions.find(id)?.base;
    let manifest = asked === undefined ? null : await this.context.manifests.get(asked);
    // A version that came since may have a label that the one that was asked has not.
    if (!manifest?.labels.includes(label)) manifest = await this.duties.currentManifest();
    if (manifest === null) return;
    const teacher: LabelContext = {
      owner: null,
      source: "human",
      labelledAt: questions.find(id)?.at ?? at,
      traceparent,
    };
    const taught = await teach(this.context, manifest, [{ id, label, at, ...(instance ? { instance } : {}) }], teacher);
    // A correction of what was forgotten with its whole region: it was here once, so it brings no instance.
    if (!taught.ok && taught.error.kind === "no-instance") return;
    if (!taught.ok) throw new Error(`Error in recordHumanLabel: ${taught.error.kind} for question '${id}'`);
    this.duties.hasten(manifest);
  }

  /** No person can say: whoever asked gets the best answer so far. What has one already keeps it. */
  async closeUnanswered(id: string): Promise<void> {
    const { questions, manifests, storage } = this.context;
    const base = questions.find(id)?.base;
    const manifest = base === undefined ? null : await manifests.get(base);
    const answer = questions.find(id)?.answer;
    if (manifest && answer)
      storage.transactionSync(() => close(this.context, manifest, { ...answer, status: "answered" }));
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

  /** Counts what both versions of a watched canary answer from now on, and says what it has counted. */
  async countCanary({ watch, stable, canary }: CanaryPair): Promise<CanaryCount> {
    const { manifests, storage, canary: counts } = this.context;
    const [before, next] = await Promise.all([manifests.get(stable), manifests.get(canary)]);
    storage.transactionSync(() => counts.begin(watch, before, next));
    return counts.count();
  }

  /** Lets go of what was counted for a watch that is over. */
  endCanary(watch: number): void {
    this.ctx.storage.transactionSync(() => this.context.canary.end(watch));
  }

  /** Takes what the registry says of this region's head. */
  setHead(base: number, pointer: HeadPointer): void {
    this.context.heads.set(base, pointer);
  }

  /** Forgets a question; `asker` null is an admin. Runs under way begin again without it. */
  forgetQuestion(id: string, owner: string | null): Promise<Result<null, ForgetRefusal>> {
    return this.context.turns.take(async () => {
      const forgotten = await forget(this.context, id, owner);
      if (forgotten.ok) this.retrain.restart();
      return forgotten;
    });
  }

  /** Samples that changed after a revision, and ids that were forgotten: a page, in the order of their revisions. */
  samplesSince(revision: number): Promise<SampleChanges> {
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

  /** What escalated here and who answered it, what is still open, and whether the next rung answers. */
  counts(): RegionActivity {
    const { counts, questions, region } = this.context;
    const { open } = questions.counts();
    return { region, versions: counts.all(), open, breaker: this.escalate.breaker.state(Date.now()) };
  }

  /** What the region knows and is about, for the version that serves it. */
  async state(base: number): Promise<RegionState> {
    const { region, questions, samples, heads, jobs, rule, drift, archive, semanticCache } = this.context;
    const manifest = await this.context.manifests.get(base);
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
      breaker: this.escalate.breaker.state(Date.now()),
      retrainDueAt: jobs.dueOf("schedule", ""),
      lastRun,
    };
  }

  runs(): Run[] {
    return this.retrain.runs.latest(runsShown);
  }

  /** Forgets everything: questions, samples, runs. The registry takes the heads out of use. */
  forget(): Promise<void> {
    return this.context.turns.take(async () => {
      // Before they go: revisions are not used twice.
      const revision = this.context.samples.lastRevision() + 1;
      await this.context.archive.removeAll();
      this.context.semanticCache.drop();
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      migrate(this.ctx.storage, migrations);
      this.context.samples.beginAgain(revision);
      this.retrain.restart();
    });
  }
}
