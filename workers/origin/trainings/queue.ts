import { randomUUID } from "node:crypto";
import type { Training, TrainingOrder } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import type { TrainingStore } from "./store.ts";

/** Tells what a job has come to; what it says is kept. */
export type UpdateTraining = (change: Partial<Training>) => Promise<void>;

/** Carries a job out from the step where it is, to its end; throws where it fails. */
export type RunTraining = (training: Training, advance: UpdateTraining, signal: AbortSignal) => Promise<void>;

const keptTrainings = 50;
const ended = new Set<Training["state"]>(["done", "refused", "failed", "cancelled"]);
const cancelled = "cancelled";

/** The origin's trainings: one at a time, taken up again where they were when the origin was killed. */
export class TrainingQueue {
  private readonly store: TrainingStore;
  private readonly carryOut: RunTraining;
  private readonly log: (event: Record<string, unknown>) => void;
  private readonly trainings = new Map<string, Training>();
  private readonly watchers = new Set<(training: Training) => void>();
  private underWay: { id: string; abort: AbortController } | null = null;

  constructor(store: TrainingStore, carryOut: RunTraining, log: (event: Record<string, unknown>) => void) {
    this.store = store;
    this.carryOut = carryOut;
    this.log = log;
  }

  /** Reads what is on disk, and goes on with what was under way. */
  async open(): Promise<void> {
    for (const training of await this.store.all()) {
      this.trainings.set(training.id, training.state === "running" ? { ...training, state: "queued" } : training);
    }
    this.next();
  }

  /** Queues a training. Throws a conflict while the model has one that is not over. */
  async enqueue(model: string, order: TrainingOrder): Promise<Training> {
    this.refuseSecond(model);
    const training: Training = {
      ...{ id: randomUUID(), model, state: "queued", step: "pull", order },
      ...{ createdAt: new Date().toISOString(), endedAt: null },
      ...{ progress: null, samples: null, verdict: null, version: null, reason: null },
    };
    this.trainings.set(training.id, training);
    await this.store.save(training);
    this.next();
    return training;
  }

  /** A model's jobs, the newest first. */
  list(model?: string): Training[] {
    return [...this.trainings.values()].filter((training) => model === undefined || training.model === model).reverse();
  }

  /** Throws not-found for an id that is none of the model's. */
  get(model: string, id: string): Training {
    const training = this.trainings.get(id);
    if (training?.model === model) return training;
    throw new FaultError({ kind: "not-found", what: `job '${id}' of '${model}'`, next: "GET …/trainings lists them." });
  }

  /** Stops a job at once; what it has trained so far stays, for a restart. */
  async cancel(model: string, id: string): Promise<Training> {
    const training = this.get(model, id);
    if (ended.has(training.state)) throw conflict("a job that is not over", `one that is ${training.state}`);
    if (this.underWay?.id === id) this.underWay.abort.abort(cancelled);
    return this.change(training, { state: "cancelled", endedAt: new Date().toISOString(), reason: "it was cancelled" });
  }

  /** Takes a job that failed or was cancelled up again, at the step and the checkpoint where it was. */
  async restart(model: string, id: string): Promise<Training> {
    const training = this.get(model, id);
    if (training.state !== "failed" && training.state !== "cancelled") {
      throw conflict("a job that failed or was cancelled", `one that is ${training.state}`);
    }
    this.refuseSecond(model);
    const again = await this.change(training, { state: "queued", endedAt: null, reason: null });
    this.next();
    return again;
  }

  /** The report on what a job trained; null before it has. */
  report(training: Training): Promise<string | null> {
    return this.store.report(training);
  }

  /** Calls back at every change of any job, until the returned function is called. */
  watch(onChange: (training: Training) => void): () => void {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  }

  /** Waits for a job's end, at most `waitMs`. */
  async wait(model: string, id: string, waitMs: number): Promise<Training> {
    if (ended.has(this.get(model, id).state) || waitMs <= 0) return this.get(model, id);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => done(), waitMs);
      const stop = this.watch((training) => training.id === id && ended.has(training.state) && done());
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
    const training = [...this.trainings.values()].find(({ state }) => state === "queued");
    if (!training) return;
    const abort = new AbortController();
    this.underWay = { id: training.id, abort };
    void this.run(training.id, abort.signal).finally(() => {
      this.underWay = null;
      this.next();
    });
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const current = () => this.trainings.get(id) as Training;
    // A training that was just ended may still say something.
    const advance: UpdateTraining = async (change) => {
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

  private async change(training: Training, change: Partial<Training>): Promise<Training> {
    const changed = { ...training, ...change };
    this.trainings.set(training.id, changed);
    // Progress comes several times a second, and is worth nothing after a restart.
    const isLasting = Object.keys(change).some((part) => part !== "progress");
    if (isLasting) {
      await this.store.save(changed);
      this.log({ event: "training", id: training.id, model: training.model, state: changed.state, step: changed.step });
    }
    for (const watcher of this.watchers) watcher(changed);
    return changed;
  }

  private async forgetOldest(): Promise<void> {
    for (const training of this.list().slice(keptTrainings)) {
      if (!ended.has(training.state)) continue;
      this.trainings.delete(training.id);
      await this.store.remove(training);
    }
  }
}

function conflict(expected: string, received: string): FaultError {
  const next = "GET /v1/models/{model}/trainings shows them; cancel one with POST …/trainings/{id}/cancel.";
  return new FaultError({ kind: "conflict", expected, received, next });
}
