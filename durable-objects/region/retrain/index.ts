import { fewLabelsBelow } from "#core/confidence/few-labels.ts";
import type { ClassifyManifest, Run } from "#core/contract/index.ts";
import { pack, unpack } from "#core/head/fit-state.ts";
import { continueFit, type FitState, foldsOf, isFitted, startFit } from "#core/head/softmax-fit.ts";
import { loadNetwork, type Network, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { type Jobs, jobRetryMs } from "#objects/jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { SemanticCacheState } from "../api.ts";
import type { Manifests } from "../artefacts.ts";
import type { Influence } from "../labels/influence.ts";
import type { Mutex } from "../mutex.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import type { Samples } from "../tables/samples.ts";
import { AnalyticFit, type AnalyticHeads, type AnalyticNeeds, readSolver } from "./analytic.ts";
import type { Candidate } from "./candidates.ts";
import { type CountNeeds, countSlice } from "./count.ts";
import { ownRows, type RunData, RunLoader } from "./data.ts";
import type { Drift } from "./drift.ts";
import { type EmbedNeeds, embedSlice } from "./embed.ts";
import { currentHead, type JudgeNeeds, judgeCandidates, type RunVerdict, storeVerdict } from "./judge.ts";
import { type PublishNeeds, publishRun } from "./publish.ts";
import { sliceMultiplyAdds } from "./slices.ts";

/** How often a run may fail before it ends. */
const retrainTries = 8;

/** What a run has in memory. After an eviction its phase starts over. */
interface Working {
  run: string;
  crossFits: boolean;
  loader: RunLoader;
  analytic: AnalyticFit;
  network: Network | null;
  choosing: Generator<void, SemanticCacheState> | null;
  judging: Generator<void, RunVerdict> | null;
}

/** What a retrain reads and changes, by phase. */
interface RetrainNeeds {
  manifests: Pick<Manifests, "get">;
  samples: Pick<Samples, "lastRevision" | "labels">;
  embeddings: Pick<Embeddings, "labelled">;
  influence: Pick<Influence, "leftOut">;
  semanticCache: Pick<SemanticCache, "choose" | "save">;
  drift: Pick<Drift, "check">;
  readBlob: ReadBlob;
  runs: Runs;
  jobs: Pick<Jobs, "put" | "bringForward" | "isAny">;
  mutex: Mutex;
  transaction: <T>(work: () => T) => T;
  embed: EmbedNeeds;
  count: CountNeeds;
  solve: AnalyticNeeds;
  judge: JudgeNeeds;
  publish: PublishNeeds;
}

/** Retrains the region's head: one run at a time for each base version, in slices of one transaction each. */
export class Retrain {
  readonly runs: Runs;
  private readonly needs: RetrainNeeds;
  private working: Working | null = null;
  private readonly finished = new Map<string, Set<() => void>>();

  constructor(needs: RetrainNeeds) {
    this.needs = needs;
    this.runs = needs.runs;
  }

  /**
   * Starts a run on a base version with the samples up to data time `at`. A run in progress continues instead. Labels of
   * `acceptedOwners` may decide it although they are not trusted.
   */
  start(base: number, at: number, acceptedOwners: readonly string[] = []): Run {
    return this.needs.transaction(() => {
      const underWay = this.runs.runningOn(base);
      const { id } = underWay ?? this.runs.start(base, { at, lastSample: this.needs.samples.lastRevision() });
      this.runs.accept(id, acceptedOwners);
      // A verdict that is being found does not know of them.
      if (acceptedOwners.length > 0 && this.working) this.working.judging = null;
      if (!underWay) this.needs.jobs.put("retrain", id, Date.now());
      return this.runs.get(id) as Run;
    });
  }

  /** Starts the runs in progress over, because their samples have changed. */
  restart(): void {
    this.release();
    this.runs.restart();
  }

  /** The job `retrain`: runs one slice of a run. */
  step(id: string, attempts: number): Promise<number | null> {
    return this.needs.mutex.run(() => this.stepExclusively(id, attempts));
  }

  private async stepExclusively(id: string, attempts: number): Promise<number | null> {
    const run = this.runs.running(id);
    if (!run) return null;
    // One run after the other: there is memory for one only.
    if (this.runs.first() !== id) return Date.now() + jobRetryMs;
    // A head must not learn from labels that are being forgotten.
    if (this.needs.jobs.isAny("forget-owner")) return Date.now() + jobRetryMs;
    if (attempts >= retrainTries) {
      this.runs.finish(id, "failed", `it failed ${attempts} times; the log says why`, null);
    } else {
      await this.slice(run).catch((error) => {
        // What is in memory may be incomplete: the phase starts over.
        this.release();
        throw error;
      });
    }
    if (this.runs.running(id)) return Date.now();
    this.release();
    for (const notify of this.finished.get(id) ?? []) notify();
    const next = this.runs.first();
    if (next !== null) this.needs.jobs.bringForward("retrain", next, Date.now());
    return null;
  }

  /** Returns the run when it has ended, or as it is after `ms`. */
  async wait(id: string, ms: number): Promise<Run> {
    if (this.runs.running(id)) {
      const waiters = this.finished.get(id) ?? new Set();
      this.finished.set(id, waiters);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        waiters.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (!this.runs.running(id)) this.finished.delete(id);
    }
    return this.runs.get(id) as Run;
  }

  private async slice(run: RunningRun): Promise<void> {
    const manifest = await this.needs.manifests.get(run.base);
    const crossFits = this.crossFits(manifest, run);
    const working = this.workOn(run, crossFits);
    switch (run.phase) {
      case "embed":
        return embedSlice(this.needs.embed, manifest, run, crossFits, () => this.networkOf(manifest, working));
      case "count":
        return countSlice(this.needs.count, manifest, run, crossFits);
      case "semantic-cache":
        return this.semanticCacheSlice(manifest, run, working);
      case "drift":
        this.needs.drift.check(manifest, run.at);
        return this.runs.move(run.id, "solve", {});
      case "solve":
        return this.solveSlice(manifest, run, working);
      case "fit":
        return this.fitSlice(manifest, run, working);
      case "judge":
        return this.judgeSlice(manifest, run, working);
      case "publish":
        return publishRun(this.needs.publish, run);
    }
  }

  /** Tells whether all labels of a run train and cross-fitting judges, since they are few. Decided once, when it starts. */
  private crossFits({ labels, number, policy }: ClassifyManifest, run: RunningRun): boolean {
    const { runs, samples } = this.needs;
    const known = runs.state<string>(run.id, "split");
    // A run that an earlier release started holds samples out.
    if (known !== null || run.phase !== "embed" || run.cursor.after) return known === "cross-fitted";
    // The classes of numbers are bins, and near ones share what they learn.
    const below = fewLabelsBelow(number ? 1 : labels.length);
    const crossFits = samples.labels(run, policy.originLabelWeight > 0) < below;
    runs.saveState(run.id, "split", crossFits ? "cross-fitted" : "held out");
    return crossFits;
  }

  private async semanticCacheSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    if (!manifest.policy.learning.includes("semantic-cache")) return this.runs.move(run.id, "drift", {});
    working.choosing ??= this.needs.semanticCache.choose(manifest);
    const { done, value } = working.choosing.next();
    if (!done) return;
    this.needs.transaction(() => {
      this.needs.semanticCache.save(manifest.version, value);
      this.runs.move(run.id, "drift", {});
    });
  }

  private async solveSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    if (!manifest.policy.learning.includes("analytic")) return this.runs.move(run.id, "fit", {});
    const heads = await working.analytic.next(this.needs.solve, manifest, foldsOf(working));
    if (heads === null) return;
    this.needs.transaction(() => {
      if (heads !== "none") this.runs.saveState(run.id, "analytic", pack(heads));
      this.runs.move(run.id, "fit", {});
    });
  }

  private async fitSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    const data = await working.loader.load(manifest, run);
    if (!data) return;
    const fault = tooFew(data, manifest.policy.retrainMinLabels);
    if (fault)
      return this.runs.finish(run.id, "skipped", fault, {
        train: ownRows(data.train),
        validation: data.validation.rows,
      });
    if (!manifest.policy.learning.includes("softmax")) return this.runs.move(run.id, "judge", {});
    await startBackend();
    const saved = this.runs.state<ArrayBuffer | string>(run.id, "fit");
    const state = continueFit(data, saved === null ? startFit(data) : unpack<FitState>(saved), sliceMultiplyAdds);
    this.needs.transaction(() => {
      this.runs.saveState(run.id, "fit", pack(state));
      if (isFitted(data, state)) this.runs.move(run.id, "judge", {});
    });
  }

  private async judgeSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    const data = await working.loader.load(manifest, run);
    if (!data) return;
    if (!working.judging) {
      const candidates = this.candidates(run);
      if (candidates.length === 0) return this.runs.finish(run.id, "skipped", "no candidate could be fitted", null);
      const current = await currentHead(this.needs.judge, manifest);
      const isAnyUntrusted = data.train.untrustedOwners.some((owner) => owner !== null);
      const solver = isAnyUntrusted ? await readSolver(this.needs.solve, manifest, foldsOf(data)) : null;
      // Read last: a person may have accepted owners in the meantime.
      const accepted = this.runs.running(run.id)?.acceptedOwners ?? [];
      const leaveOut = solver && { solver, accepted };
      working.judging = judgeCandidates(data, candidates, manifest, current, leaveOut);
    }
    const { done, value } = working.judging.next();
    if (done) await storeVerdict(this.needs.judge, manifest, run, data, value);
  }

  private candidates({ id }: RunningRun): Candidate[] {
    const analytic = this.runs.state<ArrayBuffer | string>(id, "analytic");
    const fit = this.runs.state<ArrayBuffer | string>(id, "fit");
    const candidates: Candidate[] = [];
    if (analytic !== null) {
      const { settings, ...heads } = unpack<AnalyticHeads>(analytic);
      candidates.push({ kind: "analytic", ...heads, settings: { ...settings } });
    }
    const { best, crossFitted } = fit === null ? { best: null, crossFitted: [] } : unpack<FitState>(fit);
    if (best) candidates.push({ kind: "softmax", weights: best.weights, crossFitted, settings: { pull: best.pull } });
    return candidates;
  }

  private workOn({ id, phase }: RunningRun, crossFits: boolean): Working {
    if (this.working?.run !== id) {
      this.release();
      const loader = new RunLoader(this.needs.embeddings, this.needs.influence, this.needs.readBlob, crossFits);
      const started = { loader, crossFits, analytic: new AnalyticFit(), network: null };
      this.working = { run: id, ...started, choosing: null, judging: null };
    }
    if (phase !== "embed") this.releaseNetwork();
    return this.working as Working;
  }

  private async networkOf(manifest: ClassifyManifest, working: Working): Promise<Network> {
    working.network ??= await loadNetwork(servingEngine, manifest.thin, this.needs.readBlob);
    return working.network;
  }

  private releaseNetwork(): void {
    this.working?.network?.backbone.release();
    if (this.working) this.working.network = null;
  }

  private release(): void {
    this.releaseNetwork();
    this.working = null;
  }
}

function tooFew({ train, validation, crossFits }: RunData, least: number): string | null {
  const own = ownRows(train);
  if (crossFits) {
    const judging = train.mayJudge.filter(Boolean).length;
    if (own >= least && judging > 0) return null;
    return `${own} labels to train on and ${judging} to judge by; ${least} and 1 are needed`;
  }
  if (own >= least && validation.rows > 0) return null;
  const needed = `${least} and 1 are needed`;
  return `${own} labels to train on and ${validation.rows} to judge by; ${needed}`;
}
