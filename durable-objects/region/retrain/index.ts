import type { Manifest, Run } from "../../../workers/core/contract/index.ts";
import { limits } from "../../../workers/core/limits.ts";
import { loadNetwork, type Network } from "../../../workers/core/model/network.ts";
import { tfjsEngine } from "../../../workers/core/model/tfjs/engine.ts";
import { blobReader } from "../blobs.ts";
import type { RegionContext } from "../context.ts";
import { loadRunData, type RunData } from "./data.ts";
import { embedSlice } from "./embed.ts";
import { fitSlice } from "./fit.ts";
import { judgeRun } from "./judge.ts";
import { publishRun } from "./publish.ts";
import { type RunningRun, Runs } from "./runs.ts";

/** The region's learning: one run at a time a base version, in slices, each one transaction. */
export class Retrain {
  readonly runs: Runs;
  private readonly context: RegionContext;
  /** What the run under way learns from; read again after an eviction. */
  private loaded: { run: string; data: RunData } | null = null;
  /** The backbone's network while the run embeds. */
  private network: { run: string; network: Network } | null = null;
  private readonly finished = new Map<string, Set<() => void>>();

  constructor(context: RegionContext) {
    this.context = context;
    this.runs = new Runs(context.storage.sql);
  }

  /** Starts a run on a base version with what is known at data time `at`; one that is under way goes on instead. */
  start(base: number, at: number): Run {
    return this.context.storage.transactionSync(() => {
      const underWay = this.runs.runningOn(base);
      if (underWay) return underWay;
      const run = this.runs.start(base, { at, lastSample: this.context.samples.lastNumber() });
      this.context.jobs.put("retrain", run.id, Date.now());
      return run;
    });
  }

  /** The job `retrain`: one slice of a run. */
  async step(id: string, attempts: number): Promise<number | null> {
    const run = this.runs.running(id);
    if (!run) return null;
    if (attempts >= limits.retrainTries) {
      this.runs.finish(id, "failed", `it failed ${attempts} times; the log says why`, null);
    } else {
      await this.slice(run);
    }
    const next = this.runs.running(id);
    if (next?.phase !== "embed") this.releaseNetwork();
    if (next) return Date.now();
    this.loaded = null;
    for (const tell of this.finished.get(id) ?? []) tell();
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
    const manifest = await this.context.manifests.get(run.base);
    switch (run.phase) {
      case "embed":
        return embedSlice(this.context, this.runs, manifest, run, () => this.networkOf(manifest, run));
      case "fit":
        return fitSlice(this.context, this.runs, run, await this.data(manifest, run));
      case "judge":
        return judgeRun(this.context, this.runs, manifest, run, await this.data(manifest, run));
      case "publish":
        return publishRun(this.context, this.runs, run);
    }
  }

  private async networkOf(manifest: Manifest, run: RunningRun): Promise<Network> {
    if (this.network?.run === run.id) return this.network.network;
    this.releaseNetwork();
    const network = await loadNetwork(await tfjsEngine(), manifest.thin, blobReader(this.context.env));
    this.network = { run: run.id, network };
    return network;
  }

  private releaseNetwork(): void {
    this.network?.network.backbone.release();
    this.network = null;
  }

  private async data(manifest: Manifest, run: RunningRun): Promise<RunData> {
    if (this.loaded?.run !== run.id) {
      this.loaded = { run: run.id, data: await loadRunData(this.context, manifest, run) };
    }
    return this.loaded.data;
  }
}
