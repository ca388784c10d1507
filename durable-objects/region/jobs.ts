import { groupPlanOf } from "#core/confidence/group.ts";
import { type ClassifyManifest, questionKeepMs } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { type Jobs, jobRetryMaxMs, type Step } from "#objects/jobs.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { ReviewApi } from "#objects/review/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { Escalation } from "./answering/escalation.ts";
import type { Opinions } from "./answering/opinions.ts";
import type { People } from "./answering/people.ts";
import type { Spending } from "./answering/spending.ts";
import type { Manifests } from "./artefacts.ts";
import type { Archive } from "./labels/archive.ts";
import { type Certificates, labelDueMs } from "./labels/certificates.ts";
import type { LabelChecks } from "./labels/label-checks.ts";
import type { LiveRule } from "./labels/live-rule.ts";
import type { SecondAnswers } from "./labels/second-answers.ts";
import type { Mutex } from "./mutex.ts";
import { type Drift, driftEveryMs } from "./retrain/drift.ts";
import { type HeadRepair, headCheckMs } from "./retrain/head-repair.ts";
import type { Retrain } from "./retrain/index.ts";
import type { GroupWindows } from "./tables/group-windows.ts";
import type { Heads } from "./tables/heads.ts";
import type { Questions } from "./tables/questions.ts";
import type { Samples } from "./tables/samples.ts";

/** A retrain is brought forward once one label in this many is new. */
const retrainFreshShare = 20;
/** How often a region checks whether its canary has become the stable version. */
const inheritCheckMs = 60_000;

/** What the jobs of a region read and change. */
interface RegionJobsNeeds {
  region: string;
  /** The epoch of the object's state. */
  epoch: () => string;
  registry: () => Remote<RegistryApi>;
  review: () => Remote<ReviewApi>;
  jobs: Jobs;
  mutex: Mutex;
  manifests: Pick<Manifests, "get">;
  questions: Pick<Questions, "expire" | "nextExpiry">;
  samples: Pick<Samples, "lastRevision">;
  heads: Pick<Heads, "set">;
  certificates: Certificates;
  groups: Pick<GroupWindows, "due" | "setSent">;
  rule: LiveRule;
  drift: Drift;
  archive: Archive;
  escalation: Pick<Escalation, "escalateDue">;
  people: Pick<People, "reviewDue">;
  labelChecks: Pick<LabelChecks, "step">;
  opinions: Opinions;
  spending: Pick<Spending, "reportDue">;
  secondAnswers: SecondAnswers;
  retrain: Retrain;
  forgetOwner: (owner: string) => Promise<unknown>;
  headRepair: HeadRepair;
  transaction: <T>(work: () => T) => T;
}

/** The scheduled jobs of a region. */
export class RegionJobs {
  /** One step for each kind of job. */
  readonly steps: Record<string, Step>;
  private readonly needs: RegionJobsNeeds;
  private isStarted = false;
  /** When this instance last checked, for each version, whether it may inherit a certificate. */
  private readonly inheritCheckedAt = new Map<number, number>();

  constructor(needs: RegionJobsNeeds) {
    this.needs = needs;
    const { mutex, archive, escalation, people, opinions, spending, secondAnswers, retrain, headRepair, review } =
      needs;
    this.steps = {
      register: () => this.register(),
      escalate: () => escalation.escalateDue(),
      opinions: () => opinions.askDue(),
      budget: () => spending.reportDue(),
      "second-answers": (_, attempts) => secondAnswers.step(attempts),
      review: () => people.reviewDue(),
      check: () => needs.labelChecks.step(),
      withdraw: (id) => done(review().withdraw([id])),
      "forget-in-review": (id) => done(review().forget([id])),
      schedule: () => this.startScheduledRun(),
      retrain: (run, attempts) => retrain.step(run, attempts),
      rule: () => this.publishRules(),
      drift: () => this.checkDrift(),
      archive: (max) => mutex.run(() => archive.step(Number(max))),
      purge: (file) => mutex.run(() => archive.purge(file)),
      "forget-owner": (owner) => done(needs.forgetOwner(owner)),
      expire: () => this.expire(),
      heads: () => headRepair.check(),
    };
  }

  /** Schedules the recurring jobs, once. */
  start({ policy }: ClassifyManifest): void {
    const { jobs } = this.needs;
    if (this.isStarted) return;
    this.isStarted = true;
    if (jobs.dueOf("schedule", "") !== null) return;
    const now = Date.now();
    jobs.put("register", "", now);
    jobs.put("schedule", "", now + policy.retrainEverySeconds * 1_000);
    jobs.put("expire", "", now + questionKeepMs);
    jobs.put("drift", "", now + driftEveryMs);
    jobs.put("rule", "", now + labelDueMs);
    jobs.put("heads", "", now + headCheckMs);
  }

  /** Starts over after the tables were emptied. */
  startOver(): void {
    this.isStarted = false;
  }

  /** Returns the manifest of the version that serves this region; null while none does. */
  async currentManifest(): Promise<ClassifyManifest | null> {
    const { registry, region, manifests } = this.needs;
    const { stable, heldBack } = await registry().pointer();
    const base = own(heldBack, region) ?? stable;
    return base === null ? null : manifests.get(base);
  }

  /** Gives a version that now serves the region the certificate of the one before. A canary earns its own. */
  async inheritCertificate(base: number): Promise<void> {
    const { registry, region, certificates, manifests, rule, jobs, transaction } = this.needs;
    if (!certificates.mayInherit(base) || (this.inheritCheckedAt.get(base) ?? 0) > Date.now() - inheritCheckMs) return;
    this.inheritCheckedAt.set(base, Date.now());
    const { stable, canary, heldBack } = await registry().pointer();
    if ((own(heldBack, region) ?? stable) !== base) return;
    const manifest = await manifests.get(base);
    transaction(() => {
      rule.inherit(manifest, canary?.version ?? null);
      jobs.bringForward("rule", "", Date.now());
    });
  }

  /** Brings the next retrain forward after new labels, where the policy says so. */
  bringRetrainForward(manifest: ClassifyManifest): void {
    const { retrainAfterSeconds } = manifest.policy;
    if (retrainAfterSeconds === null || !this.isMuchNew(manifest)) return;
    this.needs.jobs.bringForward("schedule", "", Date.now() + retrainAfterSeconds * 1_000);
  }

  /** Brings the next retrain forward after a contribution came or went, where its labels are many beside the region's own. */
  bringForwardFor({ policy: { retrainAfterSeconds } }: ClassifyManifest, labels: number): void {
    const { jobs, samples } = this.needs;
    if (retrainAfterSeconds === null || labels * retrainFreshShare < samples.lastRevision()) return;
    jobs.bringForward("schedule", "", Date.now() + retrainAfterSeconds * 1_000);
  }

  // An object that lost its state learns its heads again, so that it goes on from what the edge serves.
  private async register(): Promise<null> {
    const { registry, region, epoch, heads, transaction } = this.needs;
    await registry().registerRegion(region, epoch());
    const known = await registry().headPointersOf(region);
    transaction(() => {
      for (const { base, pointer } of known) heads.set(base, pointer);
    });
    return null;
  }

  private async startScheduledRun(): Promise<number> {
    const { retrain } = this.needs;
    const manifest = await this.currentManifest();
    if (!manifest) return Date.now() + jobRetryMaxMs;
    const { retrainEverySeconds, retrainAfterSeconds } = manifest.policy;
    // A run in progress does not learn from what arrived after its start.
    const isLate = retrain.runs.runningOn(manifest.version) !== null && this.isMuchNew(manifest);
    retrain.start(manifest.version, Date.now());
    return Date.now() + (isLate && retrainAfterSeconds !== null ? retrainAfterSeconds : retrainEverySeconds) * 1_000;
  }

  // Waiting for a share of all labels keeps the cost of all retrains a small multiple of the last one's.
  private isMuchNew({ version }: ClassifyManifest): boolean {
    const last = this.needs.samples.lastRevision();
    return (last - this.needs.retrain.runs.lastSampleOn(version)) * retrainFreshShare >= last;
  }

  private async publishRules(): Promise<number> {
    const { certificates, manifests } = this.needs;
    // A version that serves nobody may still receive labels, and may be rolled back to.
    const bases = new Set([...(await this.servedBases()), ...certificates.basesWaiting()]);
    for (const base of bases) await this.publishRule(await manifests.get(base));
    return certificates.nextDue() ?? Date.now() + labelDueMs;
  }

  private async publishRule(manifest: ClassifyManifest): Promise<void> {
    const { registry, region, rule, heads, transaction } = this.needs;
    transaction(() => rule.advance(manifest));
    await this.sendGroupSums(manifest);
    const changed = rule.ruleToPublish(manifest);
    if (!changed) return;
    const pointer = await registry().setRule(manifest.version, region, changed);
    transaction(() => {
      heads.set(manifest.version, pointer);
      rule.setPublished(manifest, changed);
    });
  }

  private async sendGroupSums(manifest: ClassifyManifest): Promise<void> {
    const { registry, region, epoch, groups, certificates, transaction } = this.needs;
    const { version } = manifest;
    const sums = groups.due(version);
    if (!sums) return;
    const number = await registry().addGroupSums(version, region, sums, groupPlanOf(manifest), epoch());
    transaction(() => {
      groups.setSent(version, sums.window.trials.labels);
      certificates.startGroup(manifest, number);
    });
  }

  // The versions that answer this region's questions: a canary as well, unless the region is held back.
  private async servedBases(): Promise<number[]> {
    const { registry, region } = this.needs;
    const { stable, heldBack, canary } = await registry().pointer();
    const heldOn = own(heldBack, region);
    const bases = heldOn === undefined ? [stable, canary?.version] : [heldOn];
    return bases.filter((base) => base !== null && base !== undefined);
  }

  private async checkDrift(): Promise<number> {
    const { drift, jobs } = this.needs;
    const manifest = await this.currentManifest();
    if (manifest && drift.check(manifest, Date.now()).alarm) jobs.bringForward("schedule", "", Date.now());
    return Date.now() + driftEveryMs;
  }

  private async expire(): Promise<number> {
    const { questions, certificates } = this.needs;
    questions.expire(Date.now());
    certificates.expire();
    return Math.max(questions.nextExpiry() ?? 0, Date.now() + jobRetryMaxMs);
  }
}

async function done(call: Promise<unknown>): Promise<null> {
  await call;
  return null;
}
