import { randomUUID } from "node:crypto";
import type { Job, JobOrder } from "../../core/contract/index.ts";
import { FaultError } from "../../core/http/fault.ts";
import type { JobStore } from "./store.ts";

/** Tells what a job has come to; what it says is kept. */
export type Advance = (change: Partial<Job>) => Promise<void>;

/** Carries a job out from the step where it is, to its end; throws where it fails. */
export type CarryOut = (job: Job, advance: Advance, signal: AbortSignal) => Promise<void>;

const keptJobs = 50;
const ended = new Set<Job["state"]>(["done", "refused", "failed", "cancelled"]);
const cancelled = "cancelled";

/** The origin's trainings: one at a time, taken up again where they were when the origin was killed. */
export class Jobs {
  private readonly store: JobStore;
  private readonly carryOut: CarryOut;
  private readonly log: (event: Record<string, unknown>) => void;
  private readonly jobs = new Map<string, Job>();
  private readonly watchers = new Set<(job: Job) => void>();
  private underWay: { id: string; abort: AbortController } | null = null;

  constructor(store: JobStore, carryOut: CarryOut, log: (event: Record<string, unknown>) => void) {
    this.store = store;
    this.carryOut = carryOut;
    this.log = log;
  }

  /** Reads what is on disk, and goes on with what was under way. */
  async open(): Promise<void> {
    for (const job of await this.store.all()) {
      this.jobs.set(job.id, job.state === "running" ? { ...job, state: "queued" } : job);
    }
    this.next();
  }

  /** Queues a training. Throws a conflict while the model has one that is not over. */
  async order(model: string, order: JobOrder): Promise<Job> {
    this.refuseSecond(model);
    const job: Job = {
      ...{ id: randomUUID(), model, state: "queued", step: "pull", order },
      ...{ createdAt: new Date().toISOString(), endedAt: null },
      ...{ progress: null, samples: null, verdict: null, version: null, reason: null },
    };
    this.jobs.set(job.id, job);
    await this.store.save(job);
    this.next();
    return job;
  }

  /** A model's jobs, the newest first. */
  list(model?: string): Job[] {
    return [...this.jobs.values()].filter((job) => model === undefined || job.model === model).reverse();
  }

  /** Throws not-found for an id that is none of the model's. */
  get(model: string, id: string): Job {
    const job = this.jobs.get(id);
    if (job?.model === model) return job;
    throw new FaultError({ kind: "not-found", what: `job '${id}' of '${model}'`, next: "GET …/jobs lists them." });
  }

  /** Stops a job at once; what it has trained so far stays, for a restart. */
  async cancel(model: string, id: string): Promise<Job> {
    const job = this.get(model, id);
    if (ended.has(job.state)) throw conflict("a job that is not over", `one that is ${job.state}`);
    if (this.underWay?.id === id) this.underWay.abort.abort(cancelled);
    return this.change(job, { state: "cancelled", endedAt: new Date().toISOString(), reason: "it was cancelled" });
  }

  /** Takes a job that failed or was cancelled up again, at the step and the checkpoint where it was. */
  async restart(model: string, id: string): Promise<Job> {
    const job = this.get(model, id);
    if (job.state !== "failed" && job.state !== "cancelled") {
      throw conflict("a job that failed or was cancelled", `one that is ${job.state}`);
    }
    this.refuseSecond(model);
    const again = await this.change(job, { state: "queued", endedAt: null, reason: null });
    this.next();
    return again;
  }

  /** The report on what a job trained; null before it has. */
  report(job: Job): Promise<string | null> {
    return this.store.report(job);
  }

  /** Calls back at every change of any job, until the returned function is called. */
  watch(onChange: (job: Job) => void): () => void {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  }

  /** Waits for a job's end, at most `waitMs`. */
  async wait(model: string, id: string, waitMs: number): Promise<Job> {
    if (ended.has(this.get(model, id).state) || waitMs <= 0) return this.get(model, id);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => done(), waitMs);
      const stop = this.watch((job) => job.id === id && ended.has(job.state) && done());
      const done = () => {
        clearTimeout(timer);
        stop();
        resolve();
      };
    });
    return this.get(model, id);
  }

  private refuseSecond(model: string): void {
    const open = this.list(model).find(({ state }) => !ended.has(state));
    if (open) throw conflict(`no other training of '${model}' under way`, `job '${open.id}', which is ${open.state}`);
  }

  private next(): void {
    if (this.underWay) return;
    const job = [...this.jobs.values()].find(({ state }) => state === "queued");
    if (!job) return;
    const abort = new AbortController();
    this.underWay = { id: job.id, abort };
    void this.run(job.id, abort.signal).finally(() => {
      this.underWay = null;
      this.next();
    });
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const current = () => this.jobs.get(id) as Job;
    // A training that was just ended may still say something.
    const advance: Advance = async (change) => {
      signal.throwIfAborted();
      await this.change(current(), change);
    };
    try {
      await advance({ state: "running" });
      await this.carryOut(current(), advance, signal);
      if (!ended.has(current().state)) await advance({ state: "done", endedAt: new Date().toISOString() });
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.log({ event: "job-failed", id, model: current().model, step: current().step, error: reason });
      await this.change(current(), { state: "failed", endedAt: new Date().toISOString(), reason });
    }
    await this.forgetOldest();
  }

  private async change(job: Job, change: Partial<Job>): Promise<Job> {
    const changed = { ...job, ...change };
    this.jobs.set(job.id, changed);
    // Progress comes several times a second, and is worth nothing after a restart.
    const isLasting = Object.keys(change).some((part) => part !== "progress");
    if (isLasting) {
      await this.store.save(changed);
      this.log({ event: "job", id: job.id, model: job.model, state: changed.state, step: changed.step });
    }
    for (const watcher of this.watchers) watcher(changed);
    return changed;
  }

  private async forgetOldest(): Promise<void> {
    for (const job of this.list().slice(keptJobs)) {
      if (!ended.has(job.state)) continue;
      this.jobs.delete(job.id);
      await this.store.remove(job);
    }
  }
}

function conflict(expected: string, received: string): FaultError {
  const next = "GET /v1/models/{model}/jobs shows them; cancel one with POST …/jobs/{id}/cancel.";
  return new FaultError({ kind: "conflict", expected, received, next });
}
