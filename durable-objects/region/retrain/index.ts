import type { ClassifyManifest, Run } from "#core/contract/index.ts";
import { continueFit, type FitState, isFitted, pack, startFit, unpack } from "#core/head/softmax-fit.ts";
import { loadNetwork, type Network } from "#core/model/network.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { jobRetryMs } from "#objects/jobs.ts";
import type { Jobs } from "../../jobs.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { SemanticCacheState } from "../api.ts";
import type { Manifests } from "../manifests.ts";
import { type RunningRun, Runs } from "../tables/runs.ts";
import type { Samples } from "../tables/samples.ts";
import type { Turns } from "../turns.ts";
import { AnalyticFit, type AnalyticHeads, type SolveNeeds } from "./analytic.ts";
import { blobReader } from "./blobs.ts";
import type { HeadCandidate } from "./candidates.ts";
import { type CountNeeds, countSlice } from "./count.ts";
import { type LoadNeeds, ownRows, type RunData, RunLoader } from "./data.ts";
import type { Drift } from "./drift.ts";
import { type EmbedNeeds, embedSlice } from "./embed.ts";
import { currentHead, type GateVerdict, type JudgeNeeds, judgeCandidates, keepVerdict } from "./judge.ts";
import { type PublishNeeds, publishRun } from "./publish.ts";
import { sliceMultiplyAdds } from "./slices.ts";

const retrainTries = 8;

/** What a retrain touches: what its phases need, and its own jobs and turns. */
export type RetrainNeeds = EmbedNeeds &
  CountNeeds &
  SolveNeeds &
  LoadNeeds &
  JudgeNeeds &
  PublishNeeds & {
    storage: Pick<DurableObjectStorage, "sql">;
    samples: Pick<Samples, "lastRevision">;
    semanticCache: Pick<SemanticCache, "choose" | "save">;
    drift: Pick<Drift, "look">;
    manifests: Pick<Manifests, "get">;
    jobs: Pick<Jobs, "put" | "bring">;
    turns: Pick<Turns, "take">;
  };

/** What a run holds in memory; after an eviction the phase starts over. */
interface Working {
  run: string;
  loader: RunLoader;
  analytic: AnalyticFit;
  network: Network | null;
  choosing: Generator<void, SemanticCacheState> | null;
  judging: Generator<void, GateVerdict> | null;
}

/** The region's learning: one run at a time a base version, in slices, each one transaction. */
export class Retrain {
  readonly runs: Runs;
  private readonly needs: RetrainNeeds;
  private working: Working | null = null;
  private readonly finished = new Map<string, Set<() => void>>();

  constructor(needs: RetrainNeeds) {
    this.needs = needs;
    this.runs = new Runs(needs.storage.sql);
  }

  /** Starts a run on a base version with what is known at data time `at`; one that is under way goes on instead. */
  start(base: number, at: number): Run {
    return this.needs.storage.transactionSync(() => {
      const underWay = this.runs.runningOn(base);
      const { id } = underWay ?? this.runs.start(base, { at, lastSample: this.needs.samples.lastRevision() });
      if (!underWay) this.needs.jobs.put("retrain", id, Date.now());
      return this.runs.get(id) as Run;
    });
  }

  /** Starts the runs under way over: what they learn from has changed under them. */
  restart(): void {
    this.release();
    this.runs.restart();
  }

  /** The job `retrain`: one slice of a run. */
  step(id: string, attempts: number): Promise<number | null> {
    return this.needs.turns.take(() => this.stepInTurn(id, attempts));
  }

  private async stepInTurn(id: string, attempts: number): Promise<number | null> {
    const run = this.runs.running(id);
    if (!run) return null;
    // One after the other: at each step, each would take from the other what it holds in memory.
    if (this.runs.first() !== id) return Date.now() + jobRetryMs;
    if (attempts >= retrainTries) {
      this.runs.finish(id, "failed", `failed ${attempts} times; see the event job-failed in the log`, null);
    } else {
      await this.slice(run).catch((error) => {
        // What is in memory may be half done: the phase starts over.
        this.release();
        throw error;
      });
    }
    if (this.runs.running(id)) return Date.now();
    this.release();
    for (const tell of this.finished.get(id) ?? []) tell();
    const next = this.runs.first();
    if (next !== null) this.needs.jobs.bring("retrain", next, Date.now());
    return null;
  }

  /** The run once it is finished, or as it is after `ms`. */
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
    const working = this.workOn(run);
    switch (run.phase) {
      case "embed":
        return embedSlice(this.needs, this.runs, manifest, run, () => this.networkOf(manifest, working));
      case "count":
        return countSlice(this.needs, this.runs, manifest, run);
      case "semantic-cache":
        return this.semanticCacheSlice(manifest, run, working);
      case "drift":
        this.needs.drift.look(manifest, run.at);
        return this.runs.move(run.id, "solve", {});
      case "solve":
        return this.solveSlice(manifest, run, working);
      case "fit":
        return this.fitSlice(manifest, run, working);
      case "judge":
        return this.judgeSlice(manifest, run, working);
      case "publish":
        return publishRun(this.needs, this.runs, run);
    }
  }

  private async semanticCacheSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    if (!manifest.policy.learning.includes("semantic-cache")) return this.runs.move(run.id, "drift", {});
    working.choosing ??= this.needs.semanticCache.choose(manifest);
    const { done, value } = working.choosing.next();
    if (!done) return;
    this.needs.storage.transactionSync(() => {
      this.needs.semanticCache.save(manifest.version, value);
      this.runs.move(run.id, "drift", {});
    });
  }

  private async solveSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    if (!manifest.policy.learning.includes("analytic")) return this.runs.move(run.id, "fit", {});
    const heads = await working.analytic.next(this.needs, manifest);
    if (heads === null) return;
    this.needs.storage.transactionSync(() => {
      if (heads !== "none") this.runs.saveState(run.id, "analytic", pack(heads));
      this.runs.move(run.id, "fit", {});
    });
  }

  private async fitSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    const data = await working.loader.load(this.needs, manifest, run);
    if (!data) return;
    const fault = tooFew(data, manifest.policy.retrainMinLabels);
    if (fault)
      return this.runs.finish(run.id, "skipped", fault, {
        train: ownRows(data.train),
        validation: data.validation.rows,
      });
    if (!manifest.policy.learning.includes("softmax")) return this.runs.move(run.id, "judge", {});
    await startBackend();
    const saved = this.runs.state<string>(run.id, "fit");
    const state = continueFit(data, saved === null ? startFit(data) : unpack<FitState>(saved), sliceMultiplyAdds);
    this.needs.storage.transactionSync(() => {
      this.runs.saveState(run.id, "fit", pack(state));
      if (isFitted(state)) this.runs.move(run.id, "judge", {});
    });
  }

  private async judgeSlice(manifest: ClassifyManifest, run: RunningRun, working: Working): Promise<void> {
    const data = await working.loader.load(this.needs, manifest, run);
    if (!data) return;
    if (!working.judging) {
      // Loaded once: the generator holds them until the judgement is complete.
      const candidates = this.candidates(run);
      if (candidates.length === 0) return this.runs.finish(run.id, "skipped", "no candidate could be fitted", null);
      const current = await currentHead(this.needs, this.runs, manifest);
      working.judging = judgeCandidates(data, candidates, manifest, current);
    }
    const { done, value } = working.judging.next();
    if (done) await keepVerdict(this.needs, this.runs, manifest, run, data, value);
  }

  private candidates({ id }: RunningRun): HeadCandidate[] {
    const analytic = this.runs.state<string>(id, "analytic");
    const fit = this.runs.state<string>(id, "fit");
    const candidates: HeadCandidate[] = [];
    if (analytic !== null) {
      const { settings, ...heads } = unpack<AnalyticHeads>(analytic);
      candidates.push({ kind: "analytic", ...heads, settings: { ...settings } });
    }
    const { best, crossFitted } = fit === null ? { best: null, crossFitted: [] } : unpack<FitState>(fit);
    if (best) candidates.push({ kind: "softmax", weights: best.weights, crossFitted, settings: { pull: best.pull } });
    return candidates;
  }

  private workOn({ id, phase }: RunningRun): Working {
    if (this.working?.run !== id) {
      this.release();
      const parts = { loader: new RunLoader(), analytic: new AnalyticFit(), network: null };
      this.working = { run: id, ...parts, choosing: null, judging: null };
    }
    if (phase !== "embed") this.releaseNetwork();
    return this.working as Working;
  }

  private async networkOf(manifest: ClassifyManifest, working: Working): Promise<Network> {
    working.network ??= await loadNetwork(await tfjsEngine(), manifest.thin, blobReader(this.needs.env));
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

function tooFew({ train, validation }: RunData, least: number): string | null {
  const own = ownRows(train);
  if (own >= least && validation.rows > 0) return null;
  const needed = `${least} and 1 are needed`;
  return `${own} labels in train and ${validation.rows} in validation; ${needed}`;
}
