import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import { seededRandom, shuffled } from "../random.ts";
import type { NetworkForm, TrainingPlan } from "../recipes/index.ts";
import { ResumableAdam } from "./adam.ts";
import type { EmbeddingBag, Terms } from "./bag.ts";
import { batchOf, type TrainingSet, tensorsOf } from "./batches.ts";
import type { Checkpoints, EpochRecord, TrainingState } from "./checkpoint.ts";
import { cut, type Dataset } from "./dataset.ts";
import { Dropout } from "./dropout.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type FitProgress, progressOf } from "./fit-progress.ts";
import { buildNetwork } from "./network.ts";
import { objective, type Trainee } from "./objective.ts";
import { keepPruned, type Masks } from "./prune.ts";
import { startRegionalHeads } from "./regional-heads.ts";
import { learningRateFactor, stepSeed } from "./schedule.ts";
import { setVariables, type Trainable } from "./trainable.ts";
import { validationLossOf } from "./validation-loss.ts";

export interface FitOptions {
  form: NetworkForm;
  plan: TrainingPlan;
  /** Names the training among its checkpoints. */
  name?: string;
  /** Where an interrupted training continues; it starts over unless given. */
  checkpoints?: Checkpoints | undefined;
  /** When to stop at the latest, ms since 1970, with the best weights so far; never unless given. */
  until?: number | undefined;
  /** Initial weights, the tables of bags, and the masks of weights that stay zero; random weights unless given. */
  start?: { weights: tf.Tensor[]; masks: Masks; tables: readonly Float32Array[] };
  onProgress?: ((progress: FitProgress) => void) | undefined;
}

/** A trained network and the course of its training. */
export interface FitResult {
  network: Trainable;
  history: EpochRecord[];
  seconds: number;
  /** The lowest loss on the validation rows. */
  validationLoss: number;
  /** Whether it ended at its time limit. */
  isCutShort: boolean;
}

/** Steps between two reads of the losses, for which a GPU must be waited for. */
const readEverySteps = 16;
const progressEveryMs = 500;

/**
 * Trains a network on `train` with AdamW on the plan's objective, and returns the weights of the epoch with the lowest loss
 * on `validation`. The seed alone decides order and variation: the same seed and backend give the same network, also when
 * the training was interrupted and continued from a checkpoint. Regional heads of the plan are discarded.
 */
export async function fitNetwork(train: TrainingSet, validation: Dataset, options: FitOptions): Promise<FitResult> {
  const fit = new Fit(train, validation, options);
  try {
    await fit.resume();
    await fit.run();
    return await fit.end();
  } finally {
    fit.release();
  }
}

/** A training in progress. */
class Fit {
  private readonly train: TrainingSet;
  private readonly validation: TrainingSet;
  private readonly options: FitOptions;
  private readonly trainee: Trainee;
  private readonly variables: tf.Variable[];
  private readonly optimizer: ResumableAdam;
  private readonly name: string;
  private best: tf.Tensor[] = [];
  private bestTables: Float32Array[] = [];
  private readonly unread: { loss: tf.Scalar; rows: number }[] = [];
  private state: TrainingState;
  private startedAt = Date.now();
  private isCutShort = false;

  constructor(train: TrainingSet, validation: Dataset, options: FitOptions) {
    const { form, plan, start } = options;
    const { data, classes } = train;
    this.train = train;
    // The validation loss is that of the labels alone, without a teacher.
    this.validation = { data: validation, classes, teacher: null, classWeights: null };
    this.options = options;
    const { shapes, buckets } = data;
    const network = buildNetwork({ ...form, shapes, buckets, classes, seed: plan.seed });
    if (start) {
      setVariables(network, start.weights);
      setTables(network, start.tables);
    }
    const regional = plan.regionalHeads && startRegionalHeads(data.regionCount, network.width, classes);
    this.trainee = { network, plan, regional };
    this.variables = [...network.variables, ...Object.values(regional ?? {})];
    this.optimizer = new ResumableAdam(plan.learningRate);
    this.name = options.name ?? "network";
    const fingerprint = fingerprintOf(train, { form, plan, isPruned: start !== undefined });
    this.state = {
      ...{ fingerprint, isFinished: false, epoch: 0, step: 0, lossSum: 0, waited: 0, bestLoss: null },
      ...{ history: [], seconds: 0 },
    };
  }

  async resume(): Promise<void> {
    const checkpoint = await this.options.checkpoints?.read(this.name, this.state.fingerprint);
    if (!checkpoint) return;
    const { state, values } = checkpoint;
    this.state = state;
    for (const [i, variable] of this.variables.entries()) assign(variable, values.variables?.[i] as Float32Array);
    this.optimizer.restore(this.variables, values.optimizer as Float32Array[]);
    this.best = (values.best as Float32Array[]).map((part, i) =>
      tf.tensor(part, (this.trainee.network.variables[i] as tf.Variable).shape),
    );
    this.bestTables = values.bestTables ?? [];
    for (const [i, bag] of this.bags.entries()) bag.restore(values[`bag ${i}`] as Float32Array[]);
  }

  async run(): Promise<void> {
    const { plan } = this.options;
    const { state } = this;
    while (!state.isFinished && !this.isCutShort && state.epoch < plan.epochs && state.waited < plan.patience) {
      await this.runEpoch();
    }
    if (state.isFinished) return;
    state.isFinished = true;
    await this.save();
  }

  async end(): Promise<FitResult> {
    const { network } = this.trainee;
    if (this.best.length > 0) setVariables(network, this.best);
    setTables(network, this.bestTables);
    const { history, seconds, bestLoss } = this.state;
    const validationLoss = bestLoss ?? Number.POSITIVE_INFINITY;
    return { network, history, seconds, validationLoss, isCutShort: this.isCutShort };
  }

  release(): void {
    tf.dispose([...this.best, ...this.unread.map(({ loss }) => loss), ...Object.values(this.trainee.regional ?? {})]);
    this.optimizer.dispose();
  }

  private async runEpoch(): Promise<void> {
    const { plan } = this.options;
    const { state, train } = this;
    const rate = plan.learningRate * learningRateFactor(state.epoch / plan.epochs);
    this.optimizer.rate = rate;
    const order = shuffled(train.data.rows, seededRandom(stepSeed(plan.seed, state.epoch, 0)));
    const batches = cut(order, plan.batchSize);
    const { checkpoints } = this.options;
    let savedAt = Date.now();
    let reportedAt = 0;
    for (const indexes of batches.slice(state.step)) {
      await this.takeStep(indexes);
      if (++state.step % readEverySteps > 0 && state.step < batches.length) continue;
      await this.readLosses();
      const now = Date.now();
      if (now > (this.options.until ?? Number.POSITIVE_INFINITY)) {
        this.isCutShort = true;
        break;
      }
      if (now - reportedAt > progressEveryMs) {
        reportedAt = now;
        this.reportProgress(batches.length);
        // Training is one long chain of promises: here messages arrive, such as that the origin stops.
        await setImmediate();
      }
      if (checkpoints?.isDue(savedAt, now) && state.step < batches.length) {
        savedAt = now;
        await this.save();
      }
    }
    const validationLoss = await validationLossOf(this.trainee, this.validation, train.classWeights);
    const loss = state.lossSum / Math.min(train.data.rows, state.step * plan.batchSize);
    state.history.push({ epoch: state.epoch + 1, loss, validationLoss, learningRate: rate });
    this.reportProgress(batches.length);
    this.keepBest(validationLoss);
    Object.assign(state, { epoch: state.epoch + 1, step: 0, lossSum: 0 });
    await this.save();
  }

  private get bags(): readonly EmbeddingBag[] {
    return this.trainee.network.bags ?? [];
  }

  private async takeStep(indexes: Int32Array): Promise<void> {
    const { plan, start } = this.options;
    const { trainee } = this;
    const seed = stepSeed(plan.seed, this.state.epoch, this.state.step + 1);
    const batch = batchOf(this.train, indexes, { plan, seed });
    const dropout = plan.dropout > 0 ? new Dropout(plan.dropout, seed) : null;
    const lossOf = () => objective(trainee, batch, dropout);
    const touched = this.bags.map((bag, i) => bag.take(batch.terms?.[i] as Terms));
    const gradients: tf.Tensor[] = [];
    const { kernels } = trainee.network;
    const loss = this.optimizer.step(lossOf, this.variables, kernels, plan.weightDecay, touched, gradients);
    for (const [i, bag] of this.bags.entries()) {
      const gradient = await (gradients[i] as tf.Tensor).data<"float32">();
      bag.learn(gradient, this.optimizer.rate, plan.weightDecay);
    }
    tf.dispose(gradients);
    if (start) keepPruned(this.variables, start.masks);
    tf.dispose(tensorsOf(batch));
    this.unread.push({ loss, rows: indexes.length });
  }

  // A GPU computes while the next steps are prepared; the losses are read only every few steps.
  private async readLosses(): Promise<void> {
    for (const { loss, rows } of this.unread.splice(0)) {
      const value = (await loss.data())[0] as number;
      loss.dispose();
      this.state.lossSum += value * rows;
      if (Number.isFinite(value)) continue;
      throw new Error(
        `The loss of '${this.name}' became ${value} in epoch ${this.state.epoch + 1}. Lower the recipe's learningRate, or ` +
          "look for values far out of range in the data.",
      );
    }
  }

  private keepBest(validationLoss: number): void {
    const { state } = this;
    if (state.bestLoss !== null && validationLoss >= state.bestLoss) {
      state.waited++;
      return;
    }
    tf.dispose(this.best);
    this.best = this.trainee.network.variables.map((variable) => variable.clone());
    this.bestTables = this.bags.map(({ values }) => values.slice());
    state.bestLoss = validationLoss;
    state.waited = 0;
  }

  private async save(): Promise<void> {
    this.state.seconds += (Date.now() - this.startedAt) / 1_000;
    this.startedAt = Date.now();
    const { checkpoints } = this.options;
    if (!checkpoints) return;
    const read = (tensors: tf.Tensor[]) => Promise.all(tensors.map((tensor) => tensor.data() as Promise<Float32Array>));
    const values = {
      variables: await read(this.variables),
      optimizer: await this.optimizer.readState(),
      best: await read(this.best),
      ...(this.bags.length > 0 ? { bestTables: this.bestTables } : {}),
      ...Object.fromEntries(this.bags.map((bag, i) => [`bag ${i}`, bag.readState()])),
    };
    await checkpoints.write(this.name, { state: this.state, values });
  }

  private reportProgress(batches: number): void {
    const { plan, onProgress } = this.options;
    const elapsedMs = Date.now() - this.startedAt + this.state.seconds * 1_000;
    onProgress?.(progressOf(this.state, plan, { batches, rows: this.train.data.rows }, elapsedMs));
  }
}

/** Sets the tables of a network's bags. */
export function setTables({ bags = [] }: Trainable, tables: readonly Float32Array[]): void {
  for (const [i, table] of tables.entries()) bags[i]?.values.set(table);
}

function assign(variable: tf.Variable, values: Float32Array): void {
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}
