import { accepts } from "../../core/confidence/rule.ts";
import type { Instance, Manifest, NetworkSpec } from "../../core/contract/index.ts";
import { argMax } from "../../core/head/head.ts";
import { startBackend } from "../../core/model/tfjs/backend.ts";
import type { NetworkPlan, Recipe, Row } from "../recipes/index.ts";
import { oneHot } from "./batches.ts";
import { type Calibrated, calibrate, type HeldOut } from "./calibrate.ts";
import { planInput } from "./columns.ts";
import { type Dataset, encodeRows, type Folded, foldRows } from "./dataset.ts";
import { type Epoch, fitNetwork, predict } from "./fit.ts";
import { type Blobs, packNetwork } from "./pack.ts";
import { packRegionalParts } from "./regional-parts.ts";

/** A trained model before it has a number and a signature. */
export type Draft = Omit<Manifest, "version" | "parent" | "createdAt" | "signature">;

/** What training gives: a model without a version yet, and its blobs. */
export interface Artefact {
  draft: Draft;
  blobs: Blobs;
}

export interface Progress extends Epoch {
  network: "full" | "thin";
}

export interface TrainOptions {
  /** Train on rows before this day alone (ISO date); the recipe's own by default. */
  before?: string | undefined;
  file?: string | undefined;
  onProgress?: (progress: Progress) => void;
}

/** Trains a recipe's full model, then the thin one from it, and certifies both on rows that neither has seen. */
export async function train(recipe: Recipe, { before, file, onProgress }: TrainOptions = {}): Promise<Artefact> {
  await startBackend();
  const cut = before ?? recipe.trainBefore;
  const rows = (await recipe.load({ file })).filter(({ at }) => cut === null || at < Date.parse(cut));
  if (rows.length === 0) throw new Error(`Error in train: recipe '${recipe.name}' has no rows before ${cut}`);
  const folded = await foldRows(recipe, rows);
  const blobs: Blobs = new Map();
  const full = await trainNetwork(recipe, recipe.full, folded, blobs, null, (e) =>
    onProgress?.({ network: "full", ...e }),
  );
  const thin = await trainNetwork(recipe, recipe.thin, folded, blobs, full.trainScores, (e) =>
    onProgress?.({ network: "thin", ...e }),
  );
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
  rows: readonly Row[],
  onEpoch: (epoch: Epoch) => void,
): Promise<{ spec: NetworkSpec; blobs: Blobs }> {
  await startBackend();
  const blobs: Blobs = new Map();
  const { spec } = await trainNetwork(recipe, recipe.full, await foldRows(recipe, rows), blobs, null, onEpoch);
  return { spec, blobs };
}

interface Trained extends Calibrated {
  trainScores: Float32Array;
  data: Dataset;
  heldOut: HeldOut;
}

async function trainNetwork(
  recipe: Recipe,
  plan: NetworkPlan,
  folded: Folded,
  blobs: Blobs,
  teacherScores: Float32Array | null,
  onEpoch: (epoch: Epoch) => void,
): Promise<Trained> {
  const input = planInput(plan.columns, folded.train);
  const data = encodeRows(recipe, input, folded.train);
  const heldOut: HeldOut = {
    tune: encodeRows(recipe, input, folded.tune),
    certify: encodeRows(recipe, input, folded.certify),
    window: spanOf(folded.certify),
  };
  const classes = recipe.labels.length;
  const targets = teacherScores ? distilled(data, teacherScores, classes, recipe.training.distil) : undefined;
  const model = await fitNetwork(data, heldOut.tune, {
    hidden: plan.hidden,
    classes,
    plan: { ...recipe.training, ...plan.training },
    onEpoch,
    ...(targets ? { targets } : {}),
  });
  const trainScores = predict(model, data);
  const packed = await packNetwork(model, input, blobs);
  model.dispose();
  return { ...(await calibrate(recipe, packed, blobs, heldOut)), trainScores, data, heldOut };
}

/** Labels and the teacher's scores in one target (Hinton et al., arXiv 1503.02531, at temperature 1). */
function distilled(data: Dataset, teacher: Float32Array, classes: number, share: number): Float32Array {
  const hard = oneHot(data.labels, classes);
  return hard.map((one, i) => (1 - share) * one + share * (teacher[i] as number));
}

/** An instance that the thin model is sure of, and one that only the full model is sure of; both rightly. */
function pickExamples({ labels }: Recipe, rows: readonly Row[], thin: Calibrated, full: Calibrated): Instance[] {
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

function countsOf(rows: readonly Row[]): Manifest["trainedOn"] {
  const regions: Record<string, number> = {};
  for (const { region } of rows) regions[region] = (regions[region] ?? 0) + 1;
  return { rows: rows.length, ...spanOf(rows), sources: { truth: rows.length }, regions };
}

function spanOf(rows: readonly Row[]): { from: string; to: string } {
  const day = (row: Row | undefined) => new Date(row?.at ?? 0).toISOString().slice(0, 10);
  return { from: day(rows[0]), to: day(rows.at(-1)) };
}
