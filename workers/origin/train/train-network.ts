import * as tf from "@tensorflow/tfjs-core";
import type { Input } from "#core/contract/index.ts";
import type { Backend } from "../backend/index.ts";
import type { InputPlan, NetworkKind, NetworkPlan, NumberScale, Recipe, TrainingPlan } from "../recipes/index.ts";
import type { Rival } from "../recipes/recipe.ts";
import { type CalibratedNetwork, calibrateNetwork, type HeldOut, holdOut } from "./calibrate.ts";
import type { Checkpoints } from "./checkpoint.ts";
import { classWeightsOf, takeOut, weightScores } from "./class-weights.ts";
import { planInput } from "./columns.ts";
import { type Dataset, encodeRows } from "./dataset.ts";
import { softenScores } from "./distil.ts";
import { type FitResult, fitNetwork } from "./fit.ts";
import type { FitProgress } from "./fit-progress.ts";
import { type Blobs, packNetwork } from "./pack.ts";
import { prune } from "./prune.ts";
import { shareOf } from "./schedule.ts";
import type { RowsBySplit } from "./splits.ts";
import type { Trainer } from "./trainer.ts";

/** Rows encoded for a network: those that it trains on, and held-out rows. */
export interface EncodedSplits {
  input: Input;
  data: Dataset;
  heldOut: HeldOut;
}

/** A network as it will be published, and the course of its training. */
export interface TrainedNetwork extends CalibratedNetwork, Pick<FitResult, "history" | "seconds" | "isCutShort"> {
  kind: NetworkKind;
  /** What was trained to choose from; the one that is published is chosen. */
  candidates: Candidate[];
}

/** A way to train a network, and how well it did. */
export interface Candidate {
  kind: NetworkKind;
  /** The share of full's scores in its targets; 0 without. */
  distil: number;
  /** The lowest loss on validation rows; null where it was not trained. */
  validationLoss: number | null;
  seconds: number;
  isChosen: boolean;
}

/** What a network's training needs besides its rows. */
export interface NetworkTraining {
  name: string;
  backend: Backend;
  blobs: Blobs;
  /** What fits it; TensorFlow.js in this process unless given. */
  trainer?: Trainer | undefined;
  /** Full's scores of the training rows [rows, classes]; null when full itself is trained. */
  teacher: Float32Array | null;
  checkpoints?: Checkpoints | undefined;
  /** When its training stops at the latest, ms since 1970. */
  until?: number | undefined;
  onProgress?: ((progress: FitProgress) => void) | undefined;
}

/** After pruning, a network trains again for this share of the plan's epochs, at this share of its rate. */
const afterPruning = { epochs: 0.25, rate: 0.3 };
/** An ensemble takes several times as long: on more rows it is trained only within a time limit. */
const ensembleMaxRows = 50_000;

/** About how long the kinds take to train, relative to each other. */
const costs: Record<NetworkKind, number> = { linear: 1, network: 2, ensemble: 8 };

/**
 * Encodes rows by a plan's input, which is fitted on the training rows.
 * @param scale the scale of numbers whose columns name none
 */
export function encodeSplits(recipe: Recipe, plan: InputPlan, splits: RowsBySplit, scale?: NumberScale): EncodedSplits {
  return encodeWith(recipe, planInput(plan, splits.train, scale), splits);
}

/** Encodes rows by an input that is fitted already. */
export function encodeWith(recipe: Recipe, input: Input, splits: RowsBySplit): EncodedSplits {
  const heldOut = holdOut(recipe, input, splits);
  return { input, data: encodeRows(recipe, input, splits.train), heldOut };
}

/** Closes the files of rows that are not in memory. */
export function release({ data, heldOut: { validation, calibration, latest } }: EncodedSplits): void {
  for (const { values } of [data, validation, calibration, latest]) values.release();
}

/**
 * Trains a network by its plan and by its rivals', takes the one with the lowest loss on validation rows, packs it, and
 * certifies it on held-out rows.
 */
export async function trainNetwork(
  recipe: Recipe,
  network: NetworkPlan,
  { input, data, heldOut }: EncodedSplits,
  training: NetworkTraining,
): Promise<TrainedNetwork> {
  const { blobs } = training;
  const { fitted, kind, candidates } = await fitBest(recipe, network, data, heldOut.validation, training);
  const packed = await packNetwork(fitted.network, input, blobs, network.weights);
  fitted.network.dispose();
  const { history, isCutShort } = fitted;
  const seconds = candidates.reduce((sum, candidate) => sum + candidate.seconds, 0);
  return {
    ...(await calibrateNetwork(recipe, packed, blobs, heldOut)),
    history,
    seconds,
    isCutShort,
    kind,
    candidates,
  };
}

async function fitBest(
  recipe: Recipe,
  network: NetworkPlan,
  data: Dataset,
  validation: Dataset,
  training: NetworkTraining,
): Promise<{ fitted: FitResult; kind: NetworkKind; candidates: Candidate[] }> {
  const plans = [network, ...network.rivals.map((rival) => withRival(network, rival))];
  const distilOf = (plan: NetworkPlan) => (training.teacher ? { ...recipe.training, ...plan.training }.distil : 0);
  const candidates = plans.map(
    (plan): Candidate => ({
      ...{ kind: plan.kind, distil: distilOf(plan), validationLoss: null, seconds: 0, isChosen: false },
    }),
  );
  const mayTrain = ({ kind }: NetworkPlan) =>
    plans.length === 1 || kind !== "ensemble" || data.rows <= ensembleMaxRows || training.until !== undefined;
  const trained = plans.filter(mayTrain);
  let best: { fitted: FitResult; place: number } | null = null;
  const { epochs } = { ...recipe.training, ...network.training };
  const total = trained.reduce((sum, { kind }) => sum + costs[kind], 0);
  let before = 0;
  for (const [i, plan] of trained.entries()) {
    const own = costs[plan.kind];
    before += own;
    const all = { place: i, trainings: trained.length, epochs, later: (total - before) / own };
    const onProgress = (now: FitProgress) => training.onProgress?.(asPartOf(all, now));
    const place = plans.indexOf(plan);
    const name = i === 0 ? training.name : `${training.name}-${plan.kind}-${distilOf(plan)}`;
    const until = shareOf(training.until, trained.length - i);
    const fitted = await fitAndPrune(recipe, plan, data, validation, { ...training, name, until, onProgress });
    Object.assign(candidates[place] as Candidate, { validationLoss: fitted.validationLoss, seconds: fitted.seconds });
    const isBetter = !best || fitted.validationLoss < best.fitted.validationLoss;
    (isBetter ? best?.fitted : fitted)?.network.dispose();
    if (isBetter) best = { fitted, place };
  }
  const { fitted, place } = best as { fitted: FitResult; place: number };
  (candidates[place] as Candidate).isChosen = true;
  return { fitted, kind: (plans[place] as NetworkPlan).kind, candidates };
}

/**
 * Counts the epochs of one of several trainings among those of all.
 * @param later how long the later trainings take, in durations of this one
 */
function asPartOf(
  { place, trainings, epochs, later }: Record<"place" | "trainings" | "epochs" | "later", number>,
  now: FitProgress,
): FitProgress {
  const shareLeft = Math.max(1 / now.epochs, 1 - (now.epoch - 1 + now.share) / now.epochs);
  const secondsLater = (now.secondsLeft / shareLeft) * later;
  return {
    ...now,
    epoch: place * epochs + now.epoch,
    epochs: trainings * epochs,
    secondsLeft: now.secondsLeft + secondsLater,
  };
}

function withRival(network: NetworkPlan, { training, ...form }: Rival): NetworkPlan {
  return { ...network, ...form, training: { ...network.training, ...training } };
}

async function fitAndPrune(
  recipe: Recipe,
  network: NetworkPlan,
  data: Dataset,
  validation: Dataset,
  { name, backend, trainer, teacher, checkpoints, until, onProgress }: NetworkTraining,
): Promise<FitResult> {
  const classes = recipe.labels.length;
  const plan: TrainingPlan = { ...recipe.training, ...network.training };
  const classWeights = classWeightsOf(plan.classWeights, data, recipe.labels);
  let soft = teacher && plan.distil > 0 ? softenScores(teacher, classes, plan.distilTemperature) : null;
  if (soft && classWeights) soft = weightScores(soft, classWeights);
  const set = { data, classes, teacher: soft, classWeights };
  const options = { form: network, checkpoints, until, onProgress };
  await backend.use();
  const fitOn = trainer?.fit ?? fitNetwork;
  let fitted = await fitOn(set, validation, { ...options, plan, name });
  if (network.prune) {
    const whole = fitted;
    const start = await prune(whole.network, network.prune);
    whole.network.dispose();
    const shorter = {
      ...plan,
      epochs: Math.ceil(plan.epochs * afterPruning.epochs),
      learningRate: plan.learningRate * afterPruning.rate,
    };
    const prunedName = `${name}-pruned-${network.prune}`;
    const pruned = await fitOn(set, validation, { ...options, plan: shorter, name: prunedName, start });
    tf.dispose([...start.weights, ...start.masks.filter((mask) => mask !== null)]);
    const history = pruned.history.map((record) => ({ ...record, epoch: record.epoch + whole.history.length }));
    fitted = {
      ...pruned,
      history: [...whole.history, ...history],
      seconds: whole.seconds + pruned.seconds,
      isCutShort: whole.isCutShort || pruned.isCutShort,
    };
  }
  if (classWeights) takeOut(classWeights, fitted.network);
  return fitted;
}
