import { randomUUID } from "node:crypto";
import type { Training, TrainingOrder } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { freeSpace, isDiskFull } from "../disk.ts";
import { stopping } from "./stopping.ts";
import type { TrainingStore } from "./store.ts";

/** Changes the record of the training that runs, and saves it. */
export type UpdateTraining = (change: Partial<Training>) => Promise<void>;

/** Runs a training from its current step to its end; throws when it fails. */
export type RunTraining = (training: Training, update: UpdateTraining, signal: AbortSignal) => Promise<void>;

const trainingsKeptMax = 50;
const endStates = new Set<Training["state"]>(["done", "refused", "failed", "cancelled"]);

/** The origin's trainings. One runs at a time; an interrupted one continues at its step when the origin starts again. */
export class TrainingQueue {
  private readonly store: TrainingStore;
  private readonly runTraining: RunTraining;
  private readonly log: (event: Record<string, unknown>) => void;
  private readonly trainings = new Map<string, Training>();
  private readonly watchers = new Set<(training: Training) => void>();
  private readonly stopped = new AbortController();
  private running: { id: string; abort: AbortController; ended: Promise<void> } | null = null;

  constructor(store: TrainingStore, runTraining: RunTraining, log: (event: Record<string, unknown>) => void) {
    this.store = store;
    this.runTraining = runTraining;
    this.log = log;
  }

  /** Reads the trainings on disk, and continues the one that was interrupted. */
  async open(): Promise<void> {
    for (const training of await this.store.all()) {
      this.trainings.set(training.id, training.state === "running" ? { ...training, state: "queued" } : training);
    }
    this.startNext();
  }

  /** Queues a training. Throws a conflict while another training of the model has not ended. */
  async enqueue(model: string, order: TrainingOrder): Promise<Training> {
    if (this.stopped.signal.aborted) {
      throw new FaultError({
        kind: "unavailable",
        reason: "The origin is shutting down.",
        next: "Order the training again later.",
      });
    }
    this.refuseSecond(model);
    const training: Training = {
      ...{ id: randomUUID(), model, state: "queued", step: "pull", order },
      ...{ createdAt: new Date().toISOString(), endedAt: null },
      ...{ progress: null, samples: null, verdict: null, version: null, reason: null },
    };
    this.trainings.set(training.id, training);
    try {
      await this.store.save(training);
    } catch (error) {
      this.trainings.delete(training.id);
      throw diskFault(error);
    }
    this.startNext();
    return training;
  }

  /** Interrupts the training that runs, once it has saved a checkpoint, and starts no other. Calls that wait return. */
  async stop(): Promise<void> {
    this.stopped.abort(stopping);
    this.running?.abort.abort(stopping);
    await this.running?.ended;
  }

  /** Aborted when the origin stops. */
  get stopSignal(): AbortSignal {
    return this.stopped.signal;
  }

  /** Lists the trainings of a model, or of all models, the newest first. */
  list(model?: string): Training[] {
    return [...this.trainings.values()].filter((training) => model === undefined || training.model === model).reverse();
  }

  /** Returns a training of a model. Throws not-found when the model has none with this id. */
  get(model: string, id: string): Training {
    const training = this.trainings.get(id);
    if (training?.model === model) return training;
    const next = `GET /v1/models/${model}/trainings lists them.`;
    throw new FaultError({ kind: "not-found", what: `training '${id}' of '${model}'`, next });
  }

  /** Cancels a training at once; its checkpoints stay for a restart. */
  async cancel(model: string, id: string): Promise<Training> {
    const training = this.get(model, id);
    if (endStates.has(training.state)) {
      throw conflict(
        "a training that has not ended",
        `one that is ${training.state}`,
        `GET …/trainings/${id} shows it.`,
      );
    }
    if (this.running?.id === id) this.running.abort.abort("cancelled");
    return this.change(training, { state: "cancelled", endedAt: new Date().toISOString(), reason: "it was cancelled" });
  }

  /** Queues a failed or cancelled training again; it continues at its step and its checkpoint. */
  async restart(model: string, id: string): Promise<Training> {
    const training = this.get(model, id);
    if (training.state !== "failed" && training.state !== "cancelled") {
      const next = `Order a new training with POST /v1/models/${model}/trainings once this one has ended.`;
      throw conflict("a training that failed or was cancelled", `one that is ${training.state}`, next);
    }
    this.refuseSecond(model);
    const restarted = await this.change(training, { state: "queued", endedAt: null, reason: null });
    this.startNext();
    return restarted;
  }

  /** Returns the report page of a training; null before it has trained. */
  report(training: Training): Promise<string | null> {
    return this.store.report(training);
  }

  /** Calls back at every change of any training, until the returned function is called. */
  watch(onChange: (training: Training) => void): () => void {
    this.watchers.add(onChange);
    return () => this.watchers.delete(onChange);
  }

  /** Waits at most `waitMs` for a training to end, and returns it. */
  async wait(model: string, id: string, waitMs: number): Promise<Training> {
    if (endStates.has(this.get(model, id).state) || waitMs <= 0) return this.get(model, id);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => done(), waitMs);
      const stop = this.watch((training) => training.id === id && endStates.has(training.state) && done());
      const done = () => {
        clearTimeout(timer);
        stop();
        this.stopSignal.removeEventListener("abort", done);
        resolve();
      };
      this.stopSignal.addEventListener("abort", done);
      if (this.stopSignal.aborted) done();
    });
    return this.get(model, id);
  }

  private refuseSecond(model: string): void {
    const open = this.list(model).find(({ state }) => !endStates.has(state));
    if (!open) return;
    const next = `Wait until it ends, or cancel it with POST /v1/models/${model}/trainings/${open.id}/cancel.`;
    throw conflict(`no other open training of '${model}'`, `training '${open.id}', which is ${open.state}`, next);
  }

  private startNext(): void {
    if (this.running || this.stopSignal.aborted) return;
    const training = [...this.trainings.values()].find(({ state }) => state === "queued");
    if (!training) return;
    const abort = new AbortController();
    const ended = this.run(training.id, abort.signal)
      .catch((error) => this.log({ event: "training-not-saved", id: training.id, error: String(error) }))
      .finally(() => {
        this.running = null;
        this.startNext();
      });
    this.running = { id: training.id, abort, ended };
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const current = () => this.trainings.get(id) as Training;
    // A cancelled training may report once more before it stops.
    const update: UpdateTraining = async (change) => {
      signal.throwIfAborted();
      await this.change(current(), change);
    };
    try {
      await update({ state: "running" });
      await this.runTraining(current(), update, signal);
      if (!endStates.has(current().state)) await update({ state: "done", endedAt: new Date().toISOString() });
    } catch (error) {
      if (signal.aborted) return;
      const reason = isDiskFull(error) ? `the disk is full: ${freeSpace}` : reasonOf(error);
      this.log({ event: "training-failed", id, model: current().model, step: current().step, error: reason });
      await this.change(current(), { state: "failed", endedAt: new Date().toISOString(), reason }).catch((unsaved) => {
        // A disk that takes no data takes no record either: it stays in memory, and the one on disk continues later.
        this.log({ event: "training-not-saved", id, error: reasonOf(unsaved) });
      });
    }
    await this.removeOldest();
  }

  private async change(training: Training, change: Partial<Training>): Promise<Training> {
    const changed = { ...training, ...change };
    this.trainings.set(training.id, changed);
    // Progress changes several times a second and is worthless after a restart: it is not saved.
    const isLasting = Object.keys(change).some((field) => field !== "progress");
    if (isLasting) {
      await this.store.save(changed);
      this.log({
        event: "training-state",
        id: training.id,
        model: training.model,
        state: changed.state,
        step: changed.step,
      });
    }
    for (const watcher of this.watchers) watcher(changed);
    return changed;
  }

  private async removeOldest(): Promise<void> {
    for (const training of this.list().slice(trainingsKeptMax)) {
      if (!endStates.has(training.state)) continue;
      this.trainings.delete(training.id);
      await this.store.remove(training);
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function diskFault(error: unknown): unknown {
  if (!isDiskFull(error)) return error;
  const reason = "The disk of ORIGIN_DATA takes no data.";
  return new FaultError({ kind: "unavailable", reason, next: freeSpace }, { cause: error });
}

function conflict(expected: string, received: string, next: string): FaultError {
  return new FaultError({ kind: "conflict", expected, received, next });
}
