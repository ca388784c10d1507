import { DurableObject } from "cloudflare:workers";
import { type CanaryReport, plannedShareOf } from "#core/confidence/canary.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import type {
  Answer,
  Contributed,
  Contribution,
  HeadPointer,
  LabelResult,
  Question,
  QuestionFilter,
  QuestionPage,
  QuestionWay,
  Run,
  SentSuspects,
  Suspects,
} from "#core/contract/index.ts";
import { addSums, encodeSums, labelsIn } from "#core/head/sums.ts";
import { Admission } from "#core/limits/admission.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { withTop } from "#core/rung/candidates.ts";
import type { Hop } from "#core/rung/rung.ts";
import { stampOf } from "#core/rung/stamp.ts";
import { taskOf } from "#core/task/index.ts";
import { Jobs, type Step } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf, parseRegionObjectName } from "../names.ts";
import { registryObject, reviewObject } from "../stubs.ts";
import { shownAnswer } from "./answering/answers.ts";
import { Asking } from "./answering/asking.ts";
import { Escalation } from "./answering/escalation.ts";
import { Intake } from "./answering/intake.ts";
import { logOf } from "./answering/log.ts";
import { NextRung } from "./answering/next-rung.ts";
import { Opinions } from "./answering/opinions.ts";
import { People } from "./answering/people.ts";
import { QuestionLister } from "./answering/question-list.ts";
import { SemanticCache } from "./answering/semantic-cache.ts";
import { Settlement } from "./answering/settlement.ts";
import { Spending } from "./answering/spending.ts";
import { Waiters } from "./answering/waiters.ts";
import { wayOf } from "./answering/way.ts";
import { Worth } from "./answering/worth.ts";
import type {
  AskRefusal,
  CanaryPair,
  CheckedContribution,
  ContributionRefusal,
  ForgetRefusal,
  ForgottenOwner,
  HumanLabel,
  IncomingQuestion,
  KeepCall,
  LabelContext,
  LabelRefusal,
  LabelsForAbove,
  NewLabel,
  OpenTeaching,
  ReadRefusal,
  RegionActivity,
  RegionApi,
  RegionReply,
  RegionSummary,
  SampleChanges,
  SumsForAbove,
  SumsLimits,
  SuspectRefusal,
} from "./api.ts";
import { blobReader, Manifests } from "./artefacts.ts";
import { RegionJobs } from "./jobs.ts";
import { Archive } from "./labels/archive.ts";
import { Certificates } from "./labels/certificates.ts";
import { Contributing } from "./labels/contributing.ts";
import { ForAbove } from "./labels/for-above.ts";
import { Forgetting } from "./labels/forgetting.ts";
import { ForgettingOwner } from "./labels/forgetting-owner.ts";
import { Influence } from "./labels/influence.ts";
import { LabelChecks } from "./labels/label-checks.ts";
import { Labelling } from "./labels/labelling.ts";
import { LiveRule } from "./labels/live-rule.ts";
import { SampleKeeper } from "./labels/sample-keeper.ts";
import { samplesSince, scoresAboveOf } from "./labels/sample-pages.ts";
import { SecondAnswers } from "./labels/second-answers.ts";
import { Splitting } from "./labels/splitting.ts";
import { Suspecting } from "./labels/suspects.ts";
import { migrations } from "./migrations.ts";
import { Mutex } from "./mutex.ts";
import { Reporting } from "./reporting.ts";
import { Drift } from "./retrain/drift.ts";
import { HeadRepair } from "./retrain/head-repair.ts";
import { Retrain } from "./retrain/index.ts";
import { Archives } from "./tables/archives.ts";
import { SumBins } from "./tables/bins.ts";
import { CanaryAnswers } from "./tables/canary-answers.ts";
import { CanaryHeads } from "./tables/canary-heads.ts";
import { Checks } from "./tables/checks.ts";
import { Contributions } from "./tables/contributions.ts";
import { RegionCounter } from "./tables/counts.ts";
import { Embeddings } from "./tables/embeddings.ts";
import { continueEpoch, epochOf } from "./tables/epoch.ts";
import { Escalations } from "./tables/escalations.ts";
import { ExternalRungs } from "./tables/external-rungs.ts";
import { GroupKeys } from "./tables/group-keys.ts";
import { GroupWindows } from "./tables/group-windows.ts";
import { HeadBlobs } from "./tables/head-blobs.ts";
import { Heads } from "./tables/heads.ts";
import { HeldOutHeads } from "./tables/held-out-heads.ts";
import { Leases } from "./tables/leases.ts";
import { Memory } from "./tables/memory.ts";
import { Questions } from "./tables/questions.ts";
import { Runs } from "./tables/runs.ts";
import { Samples } from "./tables/samples.ts";
import { SumShards } from "./tables/sums.ts";
import { Thresholds } from "./tables/thresholds.ts";
import { PlannedLabels } from "./tables/trials.ts";
import { UntrustedLabels } from "./tables/untrusted-labels.ts";
import { Windows } from "./tables/windows.ts";

const runsShown = 50;

/** The object of a model's region: answers escalated questions, records labels and retrains the region's head. */
export class RegionObject extends DurableObject<Env> implements RegionApi {
  private readonly region: string;
  private readonly jobs: Jobs;
  private readonly mutex = new Mutex();
  private readonly memory = new Memory();
  private readonly manifests: Manifests;
  private readonly questions: Questions;
  private readonly questionLister: QuestionLister;
  private readonly samples: Samples;
  private readonly groupKeys: GroupKeys;
  private readonly sumTable: SumShards;
  private readonly contributionTable: Contributions;
  private readonly contributing: Contributing;
  private readonly forAbove: ForAbove;
  private readonly heads: Heads;
  private readonly countTable: RegionCounter;
  private readonly canary: CanaryAnswers;
  private readonly drift: Drift;
  private readonly rule: LiveRule;
  private readonly worth: Worth;
  private readonly archive: Archive;
  private readonly semanticCache: SemanticCache;
  private readonly waiters = new Waiters();
  private readonly nextRung: NextRung;
  private readonly spending: Spending;
  private readonly settlement: Settlement;
  private readonly isOnNode: boolean;
  private readonly escalation: Escalation;
  private readonly asking: Asking;
  private readonly influence: Influence;
  private readonly checks: Checks;
  private readonly labelChecks: LabelChecks;
  private readonly suspecting: Suspecting;
  private readonly labelling: Labelling;
  private readonly forgetting: Forgetting;
  private readonly forgettingOwner: ForgettingOwner;
  private readonly retrain: Retrain;
  private readonly headRepair: HeadRepair;
  private readonly scheduled: RegionJobs;
  private readonly reporting: Reporting;
  private readonly transaction = <T>(work: () => T): T => {
    try {
      const value = this.ctx.storage.transactionSync(() => this.questions.transact(work));
      this.reporting.changed();
      return value;
    } catch (error) {
      // What is known in memory is undone in the table.
      this.questions.reset();
      this.memory.forgetAll();
      throw error;
    }
  };

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const { sql } = ctx.storage;
    const { model, region } = parseRegionObjectName(nameOf(ctx.id));
    const { mutex, waiters, memory, transaction } = this;
    const { ARTEFACTS: bucket, NODE_ID: nodeId, DEPLOYMENT_KEY: deploymentKey } = env;
    const { draws: splitSecret, splits } = splitSecretsOf(env.SPLIT_SECRET);
    const registry = () => registryObject(env, model);
    const review = () => reviewObject(env, model);
    const headBlobs = new HeadBlobs(sql);
    const fromBucket = blobReader(bucket);
    const readBlob: ReadBlob = async (blob) => headBlobs.get(blob.sha256) ?? fromBucket(blob);
    const stamp = () => stampOf(splitSecret, nodeId);
    const log = logOf({ env, model, region });
    const isOnNode = env.UPLINK !== undefined;

    const questions = new Questions(sql);
    const samples = new Samples(sql);
    const embeddings = new Embeddings(sql);
    const sums = new SumShards(sql);
    const bins = new SumBins(sql);
    const contributions = new Contributions(sql);
    const contributing = new Contributing({ contributions, transaction });
    const heads = new Heads(sql, memory);
    const heldOutHeads = new HeldOutHeads(sql);
    const counts = new RegionCounter(sql, () => questions.settledThrough());
    const canary = new CanaryAnswers(sql, memory);
    const canaryHeads = new CanaryHeads(sql);
    const runs = new Runs(sql);
    const drift = new Drift(sql);
    const groupKeys = new GroupKeys(sql);
    const checks = new Checks(sql);

    // Filled at the end: the steps need units that need the jobs.
    const steps: Record<string, Step> = {};
    const jobs = new Jobs(ctx.storage, steps);
    const manifests = new Manifests(env, model);
    const trials = new PlannedLabels(sql);
    const groups = new GroupWindows(sql, memory);
    const certificates = new Certificates({ windows: new Windows(sql, memory), trials, groups });
    const thresholds = new Thresholds(sql);
    const rule = new LiveRule({ region, heads, certificates, thresholds });
    const archive = new Archive({
      ...{ model, region, bucket, archives: new Archives(sql), samples, embeddings, jobs, transaction },
    });
    const semanticCache = new SemanticCache(sql, embeddings, memory);
    const external = new ExternalRungs(sql);
    const spending = new Spending({
      ...{ splitSecret, leases: new Leases(sql), external, mutex: new Mutex(), jobs },
      known: (id) => {
        const row = questions.find(id);
        const edge = row?.opinions.find(({ rung }) => rung === "edge");
        return row && { confidence: (edge ?? row.answer).confidence, tries: row.tries };
      },
      report: (sent, usdPerMonth) => registry().takeBudgetReport(region, sent, usdPerMonth),
    });
    const nextRung = new NextRung({
      ...{ env, node: isOnNode ? nodeId : null, model, external, spending },
      takeTurns: (rung, wanted, limit) => registry().takeTurns(rung, wanted, limit),
    });
    const escalations = new Escalations(sql, memory);
    const worth = new Worth({ region, splitSecret, escalations, external });

    const settlement = new Settlement({ questions, counts, waiters, jobs });
    const sampleKeeper = new SampleKeeper({ samples, embeddings, semanticCache, counts, archive, jobs });
    const influence = new Influence({ samples, untrustedLabels: new UntrustedLabels(sql) });
    const splitting = new Splitting({ splitSecret: splits, groupKeys });
    const intake = new Intake({
      ...{ splitSecret, splitting, questions, heads, settlement, certificates, nextRung, worth, canary, canaryHeads },
      ...{ jobs, transaction },
    });
    const people = new People({ region, isOnNode, review, manifests, questions, settlement, jobs, transaction });
    const escalation = new Escalation({
      ...{ model, region, nodeId, isOnNode, stamp, nextRung, people, manifests, questions },
      ...{ settlement, worth, sampleKeeper, jobs, log, transaction },
      labelFromAbove: ({ id, label }) => this.recordHumanLabel({ id, label, instance: null, at: Date.now() }),
    });
    const labelChecks = new LabelChecks({
      ...{ region, checks, questions, samples, archive, review, jobs, transaction },
    });
    const opinions = new Opinions({
      ...{ region, nodeId, stamp, nextRung, manifests, questions, trials, certificates, transaction },
    });
    const secondAnswers = new SecondAnswers({
      ...{ region, registry, manifests, questions, canary, canaryHeads, readBlob, mutex, transaction },
    });
    const retrain = new Retrain({
      ...{ manifests, samples, embeddings, influence, semanticCache, drift },
      ...{ readBlob, runs, jobs, mutex, transaction },
      embed: { region, embeddings, samples, semanticCache, runs, transaction },
      count: { embeddings, influence, sums, bins, runs, transaction },
      solve: { region, sums, contributing, readBlob },
      judge: { model, region, deploymentKey, readBlob, registry, heads, heldOutHeads, runs, transaction },
      publish: { bucket, registry, heads, headBlobs, heldOutHeads, runs, worth, transaction },
    });
    const headRepair = new HeadRepair({ bucket, heads, blobs: headBlobs });
    const scheduled = new RegionJobs({
      epoch: () => epochOf(sql),
      ...{ region, registry, review, jobs, mutex, manifests, questions, samples, heads },
      ...{ certificates, groups, rule, drift, archive, escalation, people, labelChecks },
      ...{ opinions, spending, secondAnswers, retrain },
      forgetOwner: (owner) => this.forgetOwner(owner),
      headRepair,
      transaction,
    });
    const reporting = new Reporting({
      ...{ region, registry, jobs, activity: () => this.counts(), state: (base) => this.state(base) },
    });
    Object.assign(steps, reporting.watched(scheduled.steps), { report: () => reporting.trail() });

    this.region = region;
    this.jobs = jobs;
    this.manifests = manifests;
    this.questions = questions;
    this.questionLister = new QuestionLister({ region, sql });
    this.samples = samples;
    this.groupKeys = groupKeys;
    this.sumTable = sums;
    this.contributionTable = contributions;
    this.contributing = contributing;
    this.forAbove = new ForAbove({
      ...{ nodeId, region, samples, embeddings, sums },
      manifest: () => scheduled.currentManifest(),
      samplesSince: (revision, epoch) => this.samplesSince(revision, epoch),
    });
    this.heads = heads;
    this.countTable = counts;
    this.canary = canary;
    this.drift = drift;
    this.rule = rule;
    this.worth = worth;
    this.archive = archive;
    this.semanticCache = semanticCache;
    this.nextRung = nextRung;
    this.spending = spending;
    this.settlement = settlement;
    this.retrain = retrain;
    this.headRepair = headRepair;
    this.scheduled = scheduled;
    this.reporting = reporting;
    this.isOnNode = isOnNode;
    this.escalation = escalation;
    this.asking = new Asking({
      ...{
        isOnNode,
        manifests,
        questions,
        heads,
        counts,
        semanticCache,
        intake,
        escalation,
        waiters,
        spending,
        scheduled,
        log,
        admission: new Admission(),
        stored: () => ctx.storage.sync(),
        later: (work: Promise<unknown>) => ctx.waitUntil(work),
      },
    });
    this.influence = influence;
    this.checks = checks;
    this.labelChecks = labelChecks;
    this.suspecting = new Suspecting(sql, mutex);
    this.labelling = new Labelling({
      ...{ splitting, manifests, questions, samples, checks, archive, influence, sampleKeeper, settlement },
      ...{ rule, groups, worth, canary, counts, jobs, log, transaction },
    });
    this.forgetting = new Forgetting({
      ...{
        questions,
        samples,
        checks,
        embeddings,
        sums,
        bins,
        archive,
        certificates,
        canary,
        semanticCache,
        waiters,
        jobs,
        transaction,
      },
    });
    const { forgetting } = this;
    this.forgettingOwner = new ForgettingOwner({
      ...{
        region,
        registry,
        samples,
        questions,
        archive,
        forgetting,
        heads,
        heldOutHeads,
        runs,
        certificates,
        thresholds,
      },
      ...{ escalations, semanticCache, jobs, transaction },
      retrain: (base) => void retrain.start(base, Date.now()),
    });
    if (questions.escalateLost(counts.savedThrough(), Date.now())) jobs.bringForward("escalate", "", Date.now());
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, AskRefusal>> {
    return this.asking.ask(base, questions, hop);
  }

  keep(base: number, incoming: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, AskRefusal>> {
    return this.asking.keep(base, incoming, hop);
  }

  keepEach(base: number, calls: KeepCall[]): Promise<Result<RegionReply, AskRefusal>[]> {
    return Promise.all(calls.map(({ incoming, hop }) => this.asking.keep(base, incoming, hop)));
  }

  async read(
    id: string,
    owner: string | null,
    waitMs: number,
    waitsMax = Number.POSITIVE_INFINITY,
  ): Promise<Result<Answer, ReadRefusal>> {
    const row = this.questions.find(id);
    if (!row) return fail({ kind: "unknown" });
    if (owner !== null && row.owner !== owner) return fail({ kind: "not-yours" });
    const isFinal = row.answer.status === "answered" || waitMs <= 0;
    const answer = isFinal ? null : await this.waiters.waitAs(owner ?? "", waitsMax, id, waitMs);
    if (answer === "full")
      return fail({ kind: "limited", limit: { name: "waits", max: waitsMax, retryAfterMs: 1_000 } });
    const shown = () => shownAnswer(this.questions.find(id) ?? row, this.isOnNode);
    return ok(withTop(answer ?? shown(), row.top));
  }

  readAll(ids: readonly string[], owner: string | null): Answer[] {
    const rows = ids.map((id) => this.questions.find(id)).filter((row) => row !== null);
    const own = rows.filter((row) => owner === null || row.owner === owner);
    return own.map((row) => withTop(shownAnswer(row, this.isOnNode), row.top));
  }

  way(id: string): QuestionWay | null {
    return wayOf(this.questions.find(id), this.samples.find(id));
  }

  questionPage(filter: QuestionFilter, before: number | null, limit: number): QuestionPage {
    return this.questionLister.page(filter, before, limit);
  }

  async recordTruths(
    base: number,
    labels: NewLabel[],
    context: LabelContext,
  ): Promise<Result<LabelResult[], LabelRefusal>> {
    const manifest = await this.manifests.get(base);
    this.scheduled.start(manifest);
    const recorded = await this.labelling.record(manifest, labels, context);
    if (recorded.ok && context.trusted !== false) this.scheduled.bringRetrainForward(manifest);
    return recorded;
  }

  async recordHumanLabel({ id, label, instance, at, traceparent = null, ...giver }: HumanLabel): Promise<void> {
    const { questions, samples, manifests, scheduled } = this;
    // The question was forgotten while the label was on its way.
    if (!questions.find(id) && samples.isForgotten(id)) return;
    const asked = questions.find(id)?.base;
    let manifest = asked === undefined ? null : await manifests.get(asked);
    // A newer version may have a label that the version that was asked has not.
    if (!manifest || taskOf(manifest).parse(label) === null) manifest = await scheduled.currentManifest();
    if (manifest === null) return;
    const labelledAt = questions.find(id)?.at ?? at;
    const context: LabelContext = { owner: null, source: "human", labelledAt, traceparent, ...giver };
    const given = { id, label, at, ...(instance ? { instance } : {}) };
    const recorded = await this.labelling.record(manifest, [given], context);
    // A correction brings no instance. If its region was forgotten, there is nothing to correct.
    if (!recorded.ok && recorded.error.kind === "no-instance") return;
    if (!recorded.ok) throw new Error(`The label of question '${id}' was refused: ${recorded.error.kind}.`);
    if (giver.trusted !== false) scheduled.bringRetrainForward(manifest);
  }

  async closeUnanswered(id: string): Promise<void> {
    const { checks, questions, manifests, settlement, transaction } = this;
    transaction(() => checks.setFlagged(id));
    const base = questions.find(id)?.base;
    const manifest = base === undefined ? null : await manifests.get(base);
    const answer = questions.find(id)?.answer;
    if (manifest && answer) transaction(() => settlement.close(manifest, { ...answer, status: "answered" }));
  }

  async startRetrain(base: number, at: number, waitMs: number, acceptedOwners: readonly string[] = []): Promise<Run> {
    const run = this.retrain.start(base, at, acceptedOwners);
    return waitMs > 0 ? this.retrain.wait(run.id, waitMs) : run;
  }

  prepare(version: number): boolean {
    if (this.samples.lastNumber() === 0 || this.retrain.runs.hasVerdictOn(version)) return true;
    this.retrain.start(version, Date.now());
    return false;
  }

  headPointers(): { base: number; pointer: HeadPointer }[] {
    return this.heads.pointers();
  }

  repairHeads(base: number): Promise<boolean> {
    return this.headRepair.checkOn(base);
  }

  async compareCanary({ watch, stable, canary }: CanaryPair): Promise<CanaryReport> {
    const versions = await Promise.all([this.manifests.get(stable), this.manifests.get(canary)]);
    this.transaction(() => this.canary.begin({ watch, stable, canary }));
    this.questions.forgetRows();
    return this.canary.report(Math.min(...versions.map(({ policy }) => plannedShareOf(policy))));
  }

  endCanary(watch: number): void {
    this.transaction(() => this.canary.end(watch));
    this.questions.forgetRows();
  }

  setHead(base: number, pointer: HeadPointer): void {
    this.heads.set(base, pointer);
  }

  forgetQuestion(id: string, owner: string | null): Promise<Result<null, ForgetRefusal>> {
    return this.mutex.run(async () => {
      const forgotten = await this.forgetting.forget(id, owner);
      if (forgotten.ok) this.retrain.restart();
      return forgotten;
    });
  }

  forgetOwner(owner: string): Promise<ForgottenOwner> {
    return this.mutex.run(async () => {
      const forgotten = await this.forgettingOwner.forget(owner);
      const contributed = this.transaction(() => this.contributionTable.remove(owner));
      if (contributed > 0) this.jobs.bringForward("schedule", "", Date.now());
      if (forgotten.samples > 0 || contributed > 0) this.retrain.restart();
      return forgotten;
    });
  }

  contribute(
    base: number,
    owner: string,
    id: string,
    given: CheckedContribution,
  ): Promise<Result<Contributed, ContributionRefusal>> {
    return this.mutex.run(async () => {
      const manifest = await this.manifests.get(base);
      this.scheduled.start(manifest);
      const wasCounted = this.contributing.isCounted(owner, id);
      const stored = this.contributing.contribute(owner, id, given);
      if (stored.ok && stored.value.changed && (wasCounted || stored.value.contribution.isCounted)) {
        this.scheduled.bringForwardFor(manifest, stored.value.contribution.labels);
      }
      return stored;
    });
  }

  withdraw(base: number, owner: string, id: string): Promise<Contributed | null> {
    return this.mutex.run(async () => {
      const manifest = await this.manifests.get(base);
      const { labels = 0 } = this.contributionTable.find(owner, id) ?? {};
      const wasCounted = this.contributing.isCounted(owner, id);
      const withdrawn = this.contributing.withdraw(owner, id);
      // Retrains learn from no other: strangers must not make them start over.
      if (wasCounted) {
        this.retrain.restart();
        this.scheduled.bringForwardFor(manifest, labels);
      }
      return withdrawn;
    });
  }

  contributions(): Contribution[] {
    return this.contributing.list();
  }

  async openSums(base: number): Promise<OpenTeaching> {
    return this.contributing.open(await this.manifests.get(base));
  }

  async samplesSince(revision: number, epoch?: string): Promise<SampleChanges> {
    const { questions, manifests } = this;
    const own = epochOf(this.ctx.storage.sql);
    const page = await samplesSince(
      this.samples,
      this.archive,
      async (id) => {
        const row = questions.find(id);
        return row?.above?.given ? scoresAboveOf((await manifests.get(row.base)).labels, row.above) : null;
      },
      { since: revision, isOtherEpoch: epoch !== undefined && epoch !== own },
    );
    return { ...page, epoch: own };
  }

  async sums(base: number): Promise<{ labels: number; backbone: string; bytes: ArrayBuffer }> {
    const { thin } = await this.manifests.get(base);
    const { width, classes } = thin.head;
    const folds = this.sumTable.readAll(thin.backbone.sha256, width, classes);
    const all = this.contributing.addCounted(
      thin.backbone.sha256,
      folds.reduce((sum, fold) => addSums(sum, fold)),
    );
    return { labels: labelsIn(all), backbone: thin.backbone.sha256, bytes: encodeSums(all).buffer };
  }

  async suspects(base: number, limit: number): Promise<Suspects> {
    return this.suspecting.find(await this.manifests.get(base), limit);
  }

  reviewSuspects(ids: readonly string[]): Promise<Result<SentSuspects, SuspectRefusal>> {
    return this.labelChecks.send(ids);
  }

  counts(): RegionActivity {
    const { open } = this.questions.counts();
    const { questions, samples, isOnNode } = this;
    const onNode = isOnNode ? { backlog: questions.backlog(), revision: samples.lastRevision() } : {};
    const [breaker, recent] = [this.nextRung.breakerState(), this.questionLister.newest()];
    const above = this.nextRung.outcome();
    const known = { ...(above ? { above } : {}), ...onNode };
    return { region: this.region, versions: this.countTable.all(), open, breaker, recent, ...known };
  }

  labelsForAbove(revision: number, epoch?: string): Promise<LabelsForAbove | null> {
    return this.forAbove.labels(revision, epoch);
  }

  sumsForAbove(limits: SumsLimits): Promise<SumsForAbove | null> {
    return this.mutex.run(() => this.forAbove.sumsOf(limits));
  }

  escalateNow(): void {
    this.escalation.escalateNow();
  }

  async state(base: number): Promise<RegionSummary> {
    const manifest = await this.manifests.get(base);
    const [lastRun = null] = this.retrain.runs.latest(1);
    const above = this.nextRung.externalStates(manifest);
    const spending = this.spending.summary(manifest);
    const contributed = this.contributionTable.totals();
    return {
      ...(contributed.contributors > 0 ? { contributions: contributed } : {}),
      ...(above ? { above } : {}),
      ...(spending ? { spending } : {}),
      certificate: this.rule.state(manifest),
      rule: this.heads.pointer(base).rule,
      escalation: this.nextRung.isPresent(manifest) ? this.worth.summary(manifest) : null,
      semanticCache: this.semanticCache.state(base),
      drift: this.drift.latest(),
      archived: this.archive.count(),
      bytes: this.ctx.storage.sql.databaseSize,
      region: this.region,
      headManifest: this.heads.current(base),
      questions: this.questions.counts(),
      samples: this.samples.counts(),
      influence: this.influence.state(),
      newestSampleAt: this.samples.newest(),
      breaker: this.nextRung.breakerState(),
      retrainDueAt: this.jobs.dueOf("schedule", ""),
      lastRun,
    };
  }

  runs(): Run[] {
    return this.retrain.runs.latest(runsShown);
  }

  forget(): Promise<void> {
    return this.mutex.run(async () => {
      // Read before the tables are deleted: revisions are never used twice.
      const revision = this.samples.lastRevision() + 1;
      const epoch = epochOf(this.ctx.storage.sql);
      await this.archive.removeAll();
      this.semanticCache.drop();
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      migrate(this.ctx.storage, migrations);
      this.questions.reset();
      this.memory.forgetAll();
      this.countTable.startOver();
      this.scheduled.startOver();
      continueEpoch(this.ctx.storage.sql, epoch);
      this.samples.startOver(revision);
      this.groupKeys.startOver();
      this.retrain.restart();
      this.reporting.reset();
    });
  }
}
