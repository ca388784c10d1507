import type { ClassifyManifest, NetworkSpec, NumberScale, TrainingProgress } from "#core/contract/index.ts";
import type { Label } from "#core/head/label.ts";
import { taskOf } from "#core/task/index.ts";
import { type BackendChoice, startTraining } from "../backend/index.ts";
import type { NetworkPlan, Recipe, Row } from "../recipes/index.ts";
import { type PackedRecipe, packRecipe } from "../recipes/stored.ts";
import type { TrainingResult } from "../report/index.ts";
import type { Checkpoints } from "./checkpoint.ts";
import { chooseScale } from "./choose-scale.ts";
import { estimateEscalation } from "./escalation.ts";
import { chooseExamples } from "./examples.ts";
import type { FitProgress } from "./fit-progress.ts";
import { withBins } from "./numbers.ts";
import { trainOwnThins } from "./own-thins.ts";
import { type Blobs, bytesOf } from "./pack.ts";
import { packRegionalParts } from "./regional-parts.ts";
import { baseRows, countsOf } from "./rows.ts";
import { shareOf } from "./schedule.ts";
import { readFrom, scoreDataset } from "./score.ts";
import { assignSplits, type RowsBySplit } from "./splits.ts";
import { encodeSplits, release, type TrainedNetwork, trainNetwork } from "./train-network.ts";
import type { Trainer } from "./trainer.ts";

/** A manifest without what publishing adds: version, parent, time and signature. */
export type Unpublished<M> = Omit<M, "version" | "parent" | "createdAt" | "signature">;
export type ManifestDraft = Unpublished<ClassifyManifest>;

/** A model without a version yet, and its blobs. */
export interface Artefact<D = ManifestDraft> {
  draft: D;
  blobs: Blobs;
}

/** An artefact, and how its networks score held-out rows. */
export interface TrainedModel extends Artefact {
  result: TrainingResult;
  /** The networks whose training ended at the time limit. */
  cutShort: NetworkName[];
}

export type NetworkName = TrainingProgress["network"];

export interface TrainOptions {
  /** Train only on rows before this day (ISO date); the recipe's `trainBefore` by default. */
  before?: string | undefined;
  file?: string | undefined;
  /** Where an interrupted training continues; it starts over unless given. */
  checkpoints?: Checkpoints | undefined;
  backend?: BackendChoice | undefined;
  /** What fits full and thin; TensorFlow.js in this process unless given. */
  trainer?: Trainer | undefined;
  /** When everything is done at the latest, ms since 1970: the networks stop training before. */
  until?: number | undefined;
  onProgress?: (progress: TrainingProgress) => void;
  /** Reports which scale of the numbers is tried, and the share of the choice that is done. */
  onScale?: (scale: NumberScale, share: number) => void;
  /** Reports how many of the recipe's rows have been read. */
  onRows?: (rows: number) => void;
}

/** Trains a recipe's full network, then its thin ones from it, on the recipe's own data. */
export async function train(
  recipe: Recipe,
  options: TrainOptions = {},
): Promise<TrainedModel & { splits: RowsBySplit }> {
  const splits = assignSplits(recipe, await baseRows(recipe, options));
  // Before the training, whose time limit it would exceed.
  const stored = await packRecipe(recipe, options.file);
  return { ...withRecipe(await trainOn(recipe, splits, options), stored), splits };
}

/** Adds a recipe to the version that was trained by it. */
export function withRecipe(artefact: TrainedModel, { recipe, blobs }: PackedRecipe): TrainedModel {
  for (const [sha256, bytes] of blobs) artefact.blobs.set(sha256, bytes);
  artefact.draft.recipe = recipe;
  return artefact;
}

/** Trains full and the thin networks on the training rows, and certifies each on held-out rows. */
export async function trainOn(given: Recipe, splits: RowsBySplit, options: TrainOptions = {}): Promise<TrainedModel> {
  const recipe = withBins(given, splits.train);
  const { checkpoints, trainer, onProgress, onScale } = options;
  const backend = await startTraining(options.backend);
  const blobs: Blobs = new Map();
  const { until } = options;
  const training = (name: NetworkName, teacher: Float32Array | null, latest: number | undefined) => ({
    ...{ name, backend, trainer, blobs, teacher, checkpoints, until: latest },
    onProgress: (progress: FitProgress) => onProgress?.({ network: name, ...progress }),
  });
  const chosen = await chooseScale(recipe, splits, { backend, until: options.until, onProgress: onScale });
  const forFull = encodeSplits(recipe, recipe.full.input, splits, chosen?.scale);
  const fullUntil = until === undefined ? undefined : Date.now() + fullShare * Math.max(0, until - Date.now());
  const full = await trainNetwork(recipe, recipe.full, forFull, training("full", null, fullUntil));
  const scoringAt = Date.now();
  const teacher = flatten(await scoreDataset(full.spec, readFrom(blobs), forFull.data));
  const encodings = new Map([[recipe.full.input, forFull]]);
  const encode = ({ input }: Pick<NetworkPlan, "input">) => {
    const known = encodings.get(input) ?? encodeSplits(recipe, input, splits, chosen?.scale);
    encodings.set(input, known);
    return known;
  };
  const forThin = encode(recipe.thin);
  const thinsUntil = thinUntil(until, Date.now() - scoringAt);
  const shares = 1 + Object.keys(recipe.thins).length;
  const thin = await trainNetwork(recipe, recipe.thin, forThin, training("thin", teacher, shareOf(thinsUntil, shares)));
  const own = await trainOwnThins(recipe, {
    ...{ splits, full, thin, blobs, encode },
    training: (kind, left) => training(kind, teacher, shareOf(thinsUntil, left)),
  });
  const escalation = estimateEscalation(recipe, splits, { thin, full });
  const draft: ManifestDraft = {
    format: "upriver/2",
    model: recipe.name,
    task: recipe.task,
    labels: recipe.labels,
    ...(recipe.number ? { number: recipe.number } : {}),
    thin: thin.spec,
    full: full.spec,
    ...(Object.keys(own.thins).length > 0 ? { thins: own.thins } : {}),
    ...(await packRegionalParts(thin.spec, blobs, forThin.data, forThin.heldOut.calibration)),
    policy: recipe.policy,
    splits: splits.splits,
    escalation,
    metrics: { thin: thin.metrics, full: full.metrics },
    trainedOn: countsOf(splits.train),
    examples: chooseExamples(recipe, splits.calibration, thin, full),
  };
  for (const encoded of encodings.values()) release(encoded);
  const trained: [NetworkName, TrainedNetwork][] = [
    ["full", full],
    ["thin", thin],
    ...own.trained.map(({ kind, network }): [NetworkName, TrainedNetwork] => [kind, network]),
  ];
  const cutShort = trained.flatMap(([name, { isCutShort }]) => (isCutShort ? [name] : []));
  const networkResult = (
    name: NetworkName,
    { history, seconds, spec, calibrationScores, optimism, kind, candidates }: TrainedNetwork,
  ) => {
    const { reading } = spec;
    const scored = { scores: calibrationScores, ...(reading ? { reading } : {}) };
    return { name, kind, candidates, history, seconds, bytes: bytesOf(spec), optimism, ...scored };
  };
  const result: TrainingResult = {
    ...{ model: recipe.name, labels: recipe.labels, targetRisk: recipe.targetRisk, seed: recipe.training.seed },
    ...(recipe.number ? { number: recipe.number } : {}),
    backend: trainer?.describe() ?? (backend.adapter ? `${backend.name}: ${backend.adapter}` : backend.name),
    trainedOn: draft.trainedOn,
    networks: trained.map(([name, network]) => networkResult(name, network)),
    ...(own.verdicts.length > 0 ? { thins: own.verdicts } : {}),
    ...{ splits: splits.report, escalation, scale: chosen },
    truths: splits.calibration.map(({ label }) => taskOf(recipe).labelOf(label) as Label),
    regions: splits.calibration.map(({ region }) => region),
  };
  return { draft, blobs, result, cutShort };
}

/** The share of the time that full may train. */
const fullShare = 0.35;
/** What follows thin's training takes this many times as long as scoring its rows with full did, and some seconds more. */
const afterThin = { scorings: 2.1, ms: 5_000 };

/** When thin stops training, so that the rest is done by `until`. */
function thinUntil(until: number | undefined, scoringMs: number): number | undefined {
  return until === undefined ? undefined : until - afterThin.scorings * scoringMs - afterThin.ms;
}

/** Trains only a recipe's full network on rows, in the same way as `train`. Of numbers, the recipe has bins. */
export async function trainFull(
  recipe: Recipe,
  rows: readonly Row[],
  onProgress: (progress: FitProgress) => void,
): Promise<{ spec: NetworkSpec; blobs: Blobs }> {
  const backend = await startTraining("wasm");
  const blobs: Blobs = new Map();
  const splits = assignSplits(recipe, rows);
  const chosen = await chooseScale(recipe, splits, { backend });
  const encoded = encodeSplits(recipe, recipe.full.input, splits, chosen?.scale);
  const training = { name: "full", backend, blobs, teacher: null, onProgress };
  const { spec } = await trainNetwork(recipe, recipe.full, encoded, training);
  release(encoded);
  return { spec, blobs };
}

/** Flattens the scores of rows into one array [rows, classes]. */
export function flatten(scores: readonly Float64Array[]): Float32Array {
  const classes = scores[0]?.length ?? 0;
  const all = new Float32Array(scores.length * classes);
  for (const [row, own] of scores.entries()) all.set(own, row * classes);
  return all;
}
