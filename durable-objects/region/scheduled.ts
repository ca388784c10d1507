import { type ClassifyManifest, questionKeepMs } from "#core/contract/index.ts";
import { jobRetryMaxMs } from "../jobs.ts";
import { registryObject, reviewObject } from "../stubs.ts";
import type { RegionContext } from "./context.ts";
import { labelDueMs } from "./labels/live-rule.ts";
import { driftEveryMs } from "./retrain/drift.ts";
import type { Retrain } from "./retrain/index.ts";

/** A retrain is brought forward once one label in this many is new. */
const retrainFreshShare = 20;
/** How often a region checks whether its canary has become the stable version. */
const welcomeEveryMs = 60_000;

/** What a region that has something to keep owes in time: to be known, to learn, to tell its rule, to look, to forget. */
export class Duties {
  private readonly context: RegionContext;
  private readonly retrain: Retrain;
  /** When it was last asked whether a version serves the region, while another has a certificate. */
  private readonly welcomed = new Map<number, number>();

  constructor(context: RegionContext, retrain: Retrain) {
    this.context = context;
    this.retrain = retrain;
  }

  /** Takes the duties on, once. */
  begin({ policy }: ClassifyManifest): void {
    const { jobs } = this.context;
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
    return heldBack[this.context.region] ?? stable;
  }

  /** The manifest of the version that serves this region; null while none does. */
  async currentManifest(): Promise<ClassifyManifest | null> {
    const base = await this.currentBase();
    return base === null ? null : this.context.manifests.get(base);
  }

  /** A version that now serves the region goes on with the certificate of the one before; a canary earns its own. */
  async welcome(base: number): Promise<void> {
    const { rule, storage, region } = this.context;
    if (!rule.mayInherit(base) || (this.welcomed.get(base) ?? 0) > Date.now() - welcomeEveryMs) return;
    this.welcomed.set(base, Date.now());
    const { stable, canary, heldBack } = await this.registry().pointer();
    if ((heldBack[region] ?? stable) !== base) return;
    storage.transactionSync(() => rule.inherit(base, canary?.version ?? null));
  }

  /** The job `register`: the registry knows of the region. */
  async register(): Promise<null> {
    await this.registry().registerRegion(this.context.region);
    return null;
  }

  /** The job `schedule`: a retrain, as often as the model says. */
  async startScheduledRun(): Promise<number> {
    const manifest = await this.currentManifest();
    if (!manifest) return Date.now() + jobRetryMaxMs;
    const { retrainEverySeconds, retrainAfterSeconds } = manifest.policy;
    // A run under way does not learn what came since it began.
    const isLate = this.retrain.runs.runningOn(manifest.version) !== null && this.isMuchNew(manifest);
    this.retrain.start(manifest.version, Date.now());
    return Date.now() + (isLate && retrainAfterSeconds !== null ? retrainAfterSeconds : retrainEverySeconds) * 1_000;
  }

  /** Brings the next retrain forward after new labels, where the model says so. */
  hasten(manifest: ClassifyManifest): void {
    const { retrainAfterSeconds } = manifest.policy;
    if (retrainAfterSeconds === null || !this.isMuchNew(manifest)) return;
    this.context.jobs.bring("schedule", "", Date.now() + retrainAfterSeconds * 1_000);
  }

  // Enough, that all retrains together stay a small multiple of the last.
  private isMuchNew({ version }: ClassifyManifest): boolean {
    const last = this.context.samples.lastRevision();
    return (last - this.retrain.runs.lastSampleOn(version)) * retrainFreshShare >= last;
  }

  /** The job `rule`: the edge hears of a rule that has moved far enough, or gained or lost its certificate. */
  async tellRule(): Promise<number> {
    const { rule, manifests } = this.context;
    // A version that serves nobody any more may still get labels, and be rolled back to.
    const bases = new Set([...(await this.servedBases()), ...rule.basesWaiting()]);
    for (const base of bases) await this.tellRuleOf(await manifests.get(base));
    return rule.nextDue() ?? Date.now() + labelDueMs;
  }

  private async tellRuleOf(manifest: ClassifyManifest): Promise<void> {
    const { rule, storage, region, heads } = this.context;
    storage.transactionSync(() => rule.advance(manifest));
    const news = rule.news(manifest);
    if (!news) return;
    const pointer = await this.registry().setRule(manifest.version, region, news);
    storage.transactionSync(() => {
      heads.set(manifest.version, pointer);
      rule.told(manifest, news);
    });
  }

  /** The versions that answer this region's questions: a canary's, too, unless the region is held. */
  private async servedBases(): Promise<number[]> {
    const { stable, heldBack, canary } = await this.registry().pointer();
    const own = heldBack[this.context.region];
    const bases = own === undefined ? [stable, canary?.version] : [own];
    return bases.filter((base) => base !== null && base !== undefined) as number[];
  }

  /** The job `drift`: a monthly look at what comes in; an alarm brings the next retrain forward. */
  async lookForDrift(): Promise<number> {
    const { drift, jobs } = this.context;
    const manifest = await this.currentManifest();
    if (manifest && drift.look(manifest, Date.now()).alarm) jobs.bring("schedule", "", Date.now());
    return Date.now() + driftEveryMs;
  }

  /** The job `withdraw`: a question that is answered needs no person any more. */
  async withdraw(id: string): Promise<null> {
    await reviewObject(this.context.env, this.context.model).withdraw([id]);
    return null;
  }

  /** The job `disown`: the human rung lets go of a question that was forgotten. */
  async disown(id: string): Promise<null> {
    await reviewObject(this.context.env, this.context.model).forget([id]);
    return null;
  }

  /** The job `expire`: questions and trials whose time is over. */
  async expire(): Promise<number> {
    const { questions, rule } = this.context;
    questions.expire(Date.now());
    rule.expire();
    return Math.max(questions.nextExpiry() ?? 0, Date.now() + jobRetryMaxMs);
  }

  private registry() {
    return registryObject(this.context.env, this.context.model);
  }
}
