import { accepts } from "../../core/confidence/rule.ts";
import type { Input, Instance, Manifest, NetworkSpec } from "../../core/contract/index.ts";
import { argMax } from "../../core/head/head.ts";
import { type Backend, type BackendChoice, startTraining } from "../backend/index.ts";
import type { NetworkPlan, Recipe, TrainingPlan } from "../recipes/index.ts";
import { type Calibrated, calibrate, type HeldOut } from "./calibrate.ts";
import type { Checkpoints, EpochRecord } from "./checkpoint.ts";
import { planInput } from "./columns.ts";
import { type Dataset, encodeRows, type Folded, foldRows, type WeightedRow } from "./dataset.ts";
import { softened } from "./distil.ts";
import { type FitProgress, fitNetwork, predict } from "./fit.ts";
import { type Blobs, packNetwork } from "./pack.ts";
import { packRegionalParts } from "./regional-parts.ts";

/** A trained model before it has a number and a signature. */
export type Draft = Omit<Manifest, "version" | "parent" | "createdAt" | "signature">;

/** What training gives: a model without a version yet, and its blobs. */
export interface Artefact {
  draft: Draft;
  blobs: Blobs;
}

export type NetworkName = "full" | "thin";

export interface Progress extends FitProgress {
  network: NetworkName;
}

export interface TrainOptions {
  /** Train on rows before this day alone (ISO date); the recipe's own by default. */
  before?: string | undefined;
  file?: string | undefined;
  /** Where a training that is cut off finds where it was; it begins anew unless given. */
  checkpoints?: Checkpoints | undefined;
  backend?: BackendChoice | undefined;
  onProgress?: (progress: Progress) => void;
}

/** Trains a recipe's full model, then the thin one from it, on its base data. */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<Artefact> {
  return trainOn(recipe, await foldRows(recipe, await baseRows(recipe, options)), options);
}

/** A recipe's own rows from before a day. Throws where there is none. */
export async function baseRows(recipe: Recipe, { before, file }: Pick<TrainOptions, "before" | "file">) {
  const cut = before ?? recipe.trainBefore;
  const rows = (await recipe.load({ file })).filter(({ at }) => cut === null || at < Date.parse(cut));
  if (rows.length === 0) throw new Error(`Error in train: recipe '${recipe.name}' has no rows before ${cut}`);
  return rows;
}

/** Trains full and thin on rows that are dealt into folds, and certifies both on rows that neither has seen. */
export async function trainOn(recipe: Recipe, folded: Folded, options: TrainOptions = {}): Promise<Artefact> {
  const backend = await startTraining(options.backend);
  const { checkpoints, onProgress } = options;
  const blobs: Blobs = new Map();
  const trainOne = (network: NetworkName, teacher: Float32Array | null) =>
    trainNetwork(recipe, recipe[network], folded, {
      ...{ name: network, backend, blobs, teacher },
      ...(checkpoints ? { checkpoints } : {}),
      onProgress: (progress) => onProgress?.({ network, ...progress }),
    });
  const full = await trainOne("full", null);
  const thin = await trainOne("thin", full.trainScores);
  const draft: Draft = {
    format: "upriver/1",
    model: recipe.name,
    task: recipe.task,
    labels: recipe.labels,
    thin: thin.spec,
    full: full.spec,
    ...(await packRegionalParts(thin.spec, blobs, thin.data, thin.heldOut.certify)),
    policy: recipe.policy,
    metrics: { thin: thin.metrics, full: full.metrics },
    trainedOn: countsOf(folded.train),
    examples: pickExamples(recipe, folded.certify, thin, full),
  };
  return { draft, blobs };
}

/** Trains a recipe's full network alone on the rows, in the way that `train` does. */
export async function trainFull(
  recipe: Recipe,
  rows: readonly WeightedRow[],
  onProgress: (progress: FitProgress) => void,
): Promise<{ spec: NetworkSpec; blobs: Blobs }> {
  const backend = await startTraining("wasm");
  const blobs: Blobs = new Map();
  const training = { name: "full", backend, blobs, teacher: null, onProgress };
  const { spec } = await trainNetwork(recipe, recipe.full, await foldRows(recipe, rows), training);
  return { spec, blobs };
}

/** A trained network, as it will be published, and the rows behind it. */
export interface Trained extends Calibrated {
  trainScores: Float32Array;
  history: EpochRecord[];
  seconds: number;
  data: Dataset;
  heldOut: HeldOut;
}

interface NetworkTraining {
  name: string;
  backend: Backend;
  blobs: Blobs;
  /** Full's scores of the training rows [rows, classes]; null for full itself. */
  teacher: Float32Array | null;
  checkpoints?: Checkpoints;
  onProgress: (progress: FitProgress) => void;
}

async function trainNetwork(
  recipe: Recipe,
  network: NetworkPlan,
  folded: Folded,
  { name, backend, blobs, teacher, checkpoints, onProgress }: NetworkTraining,
): Promise<Trained> {
  const input = planInput(network.input, folded.train);
  const data = encodeRows(recipe, input, folded.train);
  const heldOut = heldOutOf(recipe, input, folded);
  const classes = recipe.labels.length;
  const plan: TrainingPlan = { ...recipe.training, ...network.training };
  const soft = teacher && plan.distil > 0 ? softened(teacher, classes, plan.distilTemperature) : null;
  await backend.use();
  const fitted = await fitNetwork({ data, classes, teacher: soft }, heldOut.tune, {
    ...{ layers: network.layers, plan, name, onProgress },
    ...(checkpoints ? { checkpoints } : {}),
  });
  const trainScores = await predict(fitted.network, data);
  const packed = await packNetwork(fitted.network, input, blobs, network.weights);
  fitted.network.whole.dispose();
  const { history, seconds } = fitted;
  return { ...(await calibrate(recipe, packed, blobs, heldOut)), trainScores, history, seconds, data, heldOut };
}

/** The rows that no network trains on, encoded. */
export function heldOutOf(recipe: Recipe, input: Input, { tune, certify }: Folded): HeldOut {
  return {
    tune: encodeRows(recipe, input, tune),
    certify: encodeRows(recipe, input, certify),
    window: spanOf(certify),
  };
}

/** An instance that the thin model is sure of, and one that only the full model is sure of; both rightly. */
function pickExamples(
  { labels }: Recipe,
  rows: readonly WeightedRow[],
  thin: Calibrated,
  full: Calibrated,
): Instance[] {
  const verdict = ({ certifyScores, spec }: Calibrated, i: number) => {
    const scores = certifyScores[i] as Float64Array;
    const picked = argMax(scores);
    const confidence = scores[picked] as number;
    return { confidence, isSure: accepts(spec.rule, confidence), isRight: labels[picked] === rows[i]?.label };
  };
  const judged = rows.map((row, i) => ({ row, thin: verdict(thin, i), full: verdict(full, i) }));
  const easy = judged
    .filter((j) => j.thin.isSure && j.thin.isRight)
    .sort((a, b) => b.thin.confidence - a.thin.confidence)[0];
  const hard = judged
    .filter((j) => !j.thin.isSure && j.full.isSure && j.full.isRight)
    .sort((a, b) => b.full.confidence - a.full.confidence)[0];
  return [easy, hard].flatMap((found) => (found ? [found.row.instance] : []));
}

function countsOf(rows: readonly WeightedRow[]): Manifest["trainedOn"] {
  const count = (key: (row: WeightedRow) => string) => {
    const counts: Record<string, number> = {};
    for (const row of rows) counts[key(row)] = (counts[key(row)] ?? 0) + 1;
    return counts;
  };
  return {
    ...{ rows: rows.length, ...spanOf(rows) },
    sources: count(({ source = "base" }) => source),
    regions: count(({ region }) => region),
  };
}

function spanOf(rows: readonly WeightedRow[]): { from: string; to: string } {
  const times = rows.map(({ at }) => at);
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  const [from, to] = times.reduce(([low, high], at) => [Math.min(low, at), Math.max(high, at)], [times[0] ?? 0, 0]);
  return { from: day(from), to: day(to) };
}
