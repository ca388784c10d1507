import { type ClassifyManifest, questionKeepMs } from "#core/contract/index.ts";
import type { Jobs } from "../jobs.ts";
import { jobRetryMaxMs } from "../jobs.ts";
import type { RegistryApi } from "../registry/api.ts";
import type { ReviewApi } from "../review/api.ts";
import type { Remote } from "../stubs.ts";
import type { LiveRule } from "./labels/live-rule.ts";
import { labelDueMs } from "./labels/live-rule.ts";
import type { Manifests } from "./manifests.ts";
import type { Drift } from "./retrain/drift.ts";
import { driftEveryMs } from "./retrain/drift.ts";
import type { Retrain } from "./retrain/index.ts";
import type { Heads } from "./tables/heads.ts";
import type { Questions } from "./tables/questions.ts";
import type { Samples } from "./tables/samples.ts";

/** A retrain is brought forward once one label in this many is new. */
const retrainFreshShare = 20;
/** How often a region checks whether its canary has become the stable version. */
const inheritanceCheckEveryMs = 60_000;

/** What a region's scheduled jobs touch. */
export interface RegionJobsNeeds {
  region: string;
  registry: () => Pick<Remote<RegistryApi>, "pointer" | "registerRegion" | "setRule">;
  review: () => Pick<Remote<ReviewApi>, "withdraw" | "forget">;
  storage: Pick<DurableObjectStorage, "transactionSync">;
  jobs: Pick<Jobs, "put" | "bring" | "dueOf">;
  manifests: Pick<Manifests, "get">;
  questions: Pick<Questions, "expire" | "nextExpiry">;
  samples: Pick<Samples, "lastRevision">;
  rule: LiveRule;
  heads: Pick<Heads, "set">;
  drift: Pick<Drift, "look">;
  retrain: Pick<Retrain, "start" | "runs">;
}

/** The scheduled jobs of a region: registering, retraining, publishing its rule, checking for drift, expiring. */
export class RegionJobs {
  private readonly needs: RegionJobsNeeds;
  /** When a version was last checked for inheriting a certificate. */
  private readonly inheritanceCheckedAt = new Map<number, number>();

  constructor(needs: RegionJobsNeeds) {
    this.needs = needs;
  }

  /** Schedules the jobs that every region has, once. */
  schedule({ policy }: ClassifyManifest): void {
    const { jobs } = this.needs;
    if (jobs.dueOf("schedule", "") !== null) return;
    const now = Date.now();
    jobs.put("register", "", now);
    jobs.put("schedule", "", now + policy.retrainEverySeconds * 1_000);
    jobs.put("expire", "", now + questionKeepMs);
    jobs.put("drift", "", now + driftEveryMs);
    jobs.put("rule", "", now + labelDueMs);
  }

  /** The version that serves this region. */
  async currentBase(): Promise<number | null> {
    const { stable, heldBack } = await this.registry().pointer();
    return heldBack[this.needs.region] ?? stable;
  }

  /** The manifest of the version that serves this region; null while none does. */
  async currentManifest(): Promise<ClassifyManifest | null> {
    const base = await this.currentBase();
    return base === null ? null : this.needs.manifests.get(base);
  }

  /** A version that now serves the region goes on with the certificate of the one before; a canary earns its own. */
  async inheritCertificate(base: number): Promise<void> {
    const { rule, storage, region } = this.needs;
    if (!rule.mayInherit(base) || (this.inheritanceCheckedAt.get(base) ?? 0) > Date.now() - inheritanceCheckEveryMs)
      return;
    this.inheritanceCheckedAt.set(base, Date.now());
    const { stable, canary, heldBack } = await this.registry().pointer();
    if ((heldBack[region] ?? stable) !== base) return;
    storage.transactionSync(() => rule.inherit(base, canary?.version ?? null));
  }

  /** The job `register`: the registry knows of the region. */
  async register(): Promise<null> {
    await this.registry().registerRegion(this.needs.region);
    return null;
  }

  /** The job `schedule`: a retrain, as often as the model says. */
  async startScheduledRun(): Promise<number> {
    const manifest = await this.currentManifest();
    if (!manifest) return Date.now() + jobRetryMaxMs;
    const { retrainEverySeconds, retrainAfterSeconds } = manifest.policy;
    // A run under way does not learn what came since it began.
    const isLate = this.needs.retrain.runs.runningOn(manifest.version) !== null && this.isMuchNew(manifest);
    this.needs.retrain.start(manifest.version, Date.now());
    return Date.now() + (isLate && retrainAfterSeconds !== null ? retrainAfterSeconds : retrainEverySeconds) * 1_000;
  }

  /** Brings the next retrain forward after new labels, where the model says so. */
  bringRetrainForward(manifest: ClassifyManifest): void {
    const { retrainAfterSeconds } = manifest.policy;
    if (retrainAfterSeconds === null || !this.isMuchNew(manifest)) return;
    this.needs.jobs.bring("schedule", "", Date.now() + retrainAfterSeconds * 1_000);
  }

  // Enough, that all retrains together stay a small multiple of the last.
  private isMuchNew({ version }: ClassifyManifest): boolean {
    const last = this.needs.samples.lastRevision();
    return (last - this.needs.retrain.runs.lastSampleOn(version)) * retrainFreshShare >= last;
  }

  /** The job `rule`: the edge hears of a rule that has moved far enough, or gained or lost its certificate. */
  async publishRules(): Promise<number> {
    const { rule, manifests } = this.needs;
    // A version that serves nobody any more may still get labels, and be rolled back to.
    const bases = new Set([...(await this.servedBases()), ...rule.basesWaiting()]);
    for (const base of bases) await this.publishRule(await manifests.get(base));
    return rule.nextDue() ?? Date.now() + labelDueMs;
  }

  private async publishRule(manifest: ClassifyManifest): Promise<void> {
    const { rule, storage, region, heads } = this.needs;
    storage.transactionSync(() => rule.advance(manifest));
    const changed = rule.ruleChange(manifest);
    if (!changed) return;
    const pointer = await this.registry().setRule(manifest.version, region, changed);
    storage.transactionSync(() => {
      heads.set(manifest.version, pointer);
      rule.setPublished(manifest, changed);
    });
  }

  /** The versions that answer this region's questions: a canary's, too, unless the region is held. */
  private async servedBases(): Promise<number[]> {
    const { stable, heldBack, canary } = await this.registry().pointer();
    const own = heldBack[this.needs.region];
    const bases = own === undefined ? [stable, canary?.version] : [own];
    return bases.filter((base) => base !== null && base !== undefined) as number[];
  }

  /** The job `drift`: a monthly look at what comes in; an alarm brings the next retrain forward. */
  async checkDrift(): Promise<number> {
    const { drift, jobs } = this.needs;
    const manifest = await this.currentManifest();
    if (manifest && drift.look(manifest, Date.now()).alarm) jobs.bring("schedule", "", Date.now());
    return Date.now() + driftEveryMs;
  }

  /** The job `withdraw`: a question that is answered needs no person any more. */
  async withdraw(id: string): Promise<null> {
    await this.needs.review().withdraw([id]);
    return null;
  }

  /** Runs a job `forget-in-review`: the review queue deletes a question that was forgotten. */
  async forgetInReview(id: string): Promise<null> {
    await this.needs.review().forget([id]);
    return null;
  }

  /** The job `expire`: questions and trials whose time is over. */
  async expire(): Promise<number> {
    const { questions, rule } = this.needs;
    questions.expire(Date.now());
    rule.expire();
    return Math.max(questions.nextExpiry() ?? 0, Date.now() + jobRetryMaxMs);
  }

  private registry() {
    return this.needs.registry();
  }
}
