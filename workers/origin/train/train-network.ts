import * as tf from "@tensorflow/tfjs-core";
import type { Input } from "#core/contract/index.ts";
import type { Backend } from "../backend/index.ts";
import type { InputPlan, NetworkPlan, Recipe, TrainingPlan } from "../recipes/index.ts";
import { type CalibratedNetwork, calibrateNetwork, type HeldOut, holdOut } from "./calibrate.ts";
import type { Checkpoints, EpochRecord } from "./checkpoint.ts";
import { planInput } from "./columns.ts";
import { type Dataset, encodeRows } from "./dataset.ts";
import { softenScores } from "./distil.ts";
import { type FitResult, fitNetwork } from "./fit.ts";
import type { FitProgress } from "./fit-progress.ts";
import { type Blobs, packNetwork } from "./pack.ts";
import { prune } from "./prune.ts";
import type { RowsBySplit } from "./splits.ts";

/** Rows encoded for a network: those that it trains on, and held-out rows. */
export interface EncodedSplits {
  input: Input;
  data: Dataset;
  heldOut: HeldOut;
}

/** A network as it will be published, and the course of its training. */
export interface TrainedNetwork extends CalibratedNetwork {
  history: EpochRecord[];
  seconds: number;
  /** Whether its training ended at the time limit. */
  isCutShort: boolean;
}

/** What a network's training needs besides its rows. */
export interface NetworkTraining {
  name: string;
  backend: Backend;
  blobs: Blobs;
  /** Full's scores of the training rows [rows, classes]; null when full itself is trained. */
  teacher: Float32Array | null;
  checkpoints?: Checkpoints | undefined;
  /** When its training stops at the latest, ms since 1970. */
  until?: number | undefined;
  onProgress?: ((progress: FitProgress) => void) | undefined;
}

/** After pruning, a network trains again for this share of the plan's epochs, at this share of its rate. */
const afterPruning = { epochs: 0.25, rate: 0.3 };

/** Encodes rows by a plan's input, which is fitted on the training rows. */
export function encodeSplits(recipe: Recipe, plan: InputPlan, splits: RowsBySplit): EncodedSplits {
  const input = planInput(plan, splits.train);
  const heldOut = holdOut(recipe, input, splits);
  return { input, data: encodeRows(recipe, input, splits.train), heldOut };
}

/** Closes the files of rows that are not in memory. */
export function release({ data, heldOut: { validation, calibration, latest } }: EncodedSplits): void {
  for (const { values } of [data, validation, calibration, latest]) values.release();
}

/** Trains a network by its plan, prunes it if planned, packs it, and certifies it on held-out rows. */
export async function trainNetwork(
  recipe: Recipe,
  network: NetworkPlan,
  { input, data, heldOut }: EncodedSplits,
  training: NetworkTraining,
): Promise<TrainedNetwork> {
  const { blobs } = training;
  const fitted = await fitAndPrune(recipe, network, data, heldOut.validation, training);
  const packed = await packNetwork(fitted.network, input, blobs, network.weights);
  fitted.network.whole.dispose();
  const { history, seconds, isCutShort } = fitted;
  return { ...(await calibrateNetwork(recipe, packed, blobs, heldOut)), history, seconds, isCutShort };
}

async function fitAndPrune(
  recipe: Recipe,
  network: NetworkPlan,
  data: Dataset,
  validation: Dataset,
  { name, backend, teacher, checkpoints, until, onProgress }: NetworkTraining,
): Promise<FitResult> {
  const classes = recipe.labels.length;
  const plan: TrainingPlan = { ...recipe.training, ...network.training };
  const soft = teacher && plan.distil > 0 ? softenScores(teacher, classes, plan.distilTemperature) : null;
  const set = { data, classes, teacher: soft };
  const options = { layers: network.layers, checkpoints, until, onProgress };
  await backend.use();
  const whole = await fitNetwork(set, validation, { ...options, plan, name });
  if (!network.prune) return whole;
  const start = await prune(whole.network.whole.getWeights(), network.prune);
  whole.network.whole.dispose();
  const shorter = {
    ...plan,
    epochs: Math.ceil(plan.epochs * afterPruning.epochs),
    learningRate: plan.learningRate * afterPruning.rate,
  };
  const pruned = await fitNetwork(set, validation, {
    ...options,
    plan: shorter,
    name: `${name}-pruned-${network.prune}`,
    start,
  });
  tf.dispose([...start.weights, ...start.masks.filter((mask) => mask !== null)]);
  const history = pruned.history.map((record) => ({ ...record, epoch: record.epoch + whole.history.length }));
  const isCutShort = whole.isCutShort || pruned.isCutShort;
  return { ...pruned, history: [...whole.history, ...history], seconds: whole.seconds + pruned.seconds, isCutShort };
}
