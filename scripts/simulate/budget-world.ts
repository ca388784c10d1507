import { trainableRecipeSchema } from "#core/contract/index.ts";
import { normal, seededRandom } from "#origin/random.ts";
import type { Row } from "#origin/recipes/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";
import { encodeRows } from "#origin/train/dataset.ts";
import { trainOn } from "#origin/train/index.ts";
import { readFrom, scoreDataset } from "#origin/train/score.ts";
import { assignSplits } from "#origin/train/splits.ts";

/** What two trained networks said of questions that neither was trained on. */
export interface Recorded {
  questions: RecordedQuestion[];
  /** The threshold that was certified for the edge when it was published. */
  threshold: number;
}

/** A question with the scores of the edge and of the rung above. */
export interface RecordedQuestion {
  truth: number;
  edge: Float64Array;
  /** Too sure, as those of rungs that we don't own are until labels have calibrated them. */
  above: number[];
  /** What is sent, in bytes. */
  bytes: number;
}

const seed = 20_26;
const labels = ["a", "b", "c", "d", "e", "f"];
const features = 8;
const units = 12;
const trainingRows = 8_000;
const askedRows = 20_000;
export const targetRisk = 0.05;
/** The temperature that the scores of the rung above lack. */
const overconfidence = 0.6;

/** Trains a small edge and a large rung above on the same rows, and records their scores of new ones. */
export async function recordScores(): Promise<Recorded> {
  const random = seededRandom(seed);
  const world = teacher(random);
  const drawn = Array.from({ length: trainingRows }, () => drawRow(world, random));
  const columns = Array.from({ length: features }, (_, i) => ({ type: "number" as const, name: `x${i}` }));
  const document = trainableRecipeSchema.parse({
    ...{ name: "budget", source: "generated", label: { column: "label", values: labels }, input: { columns } },
    networks: { thin: { layers: [{ type: "dense", units: 8 }] }, full: { kind: "network" } },
    training: { epochs: 40, patience: 6, seed },
    risk: { target: targetRisk },
  });
  const recipe = resolveRecipe(document as CompleteDocument, async () => drawn);
  const { draft, blobs } = await trainOn(recipe, assignSplits(recipe, drawn), { backend: "wasm" });
  if (!draft.full) throw new Error("The training made no full network.");
  const asked = Array.from({ length: askedRows }, () => drawRow(world, random));
  const data = encodeRows(recipe, draft.thin.input, asked);
  const edge = await scoreDataset(draft.thin, readFrom(blobs), data);
  const above = await scoreDataset(draft.full, readFrom(blobs), encodeRows(recipe, draft.full.input, asked));
  return {
    questions: edge.map((scores, i) => ({
      ...{ truth: data.labels[i] as number, edge: scores, above: sharpened(above[i] as Float64Array) },
      bytes: Math.round(600 * Math.exp(normal(random, 0, 0.5))),
    })),
    threshold: draft.thin.rule.threshold,
  };
}

/** The weights of the network that decides the truth. */
interface Teacher {
  hidden: number[][];
  output: number[][];
}

function teacher(random: () => number): Teacher {
  const matrix = (rows: number, columns: number, deviation: number) =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, () => normal(random, 0, deviation)));
  return { hidden: matrix(units, features, 0.8), output: matrix(labels.length, units, 6) };
}

function drawRow({ hidden, output }: Teacher, random: () => number): Row {
  const x = Array.from({ length: features }, () => normal(random, 0, 1));
  const dot = (weights: readonly number[], values: readonly number[]) =>
    weights.reduce((sum, weight, i) => sum + weight * (values[i] as number), 0);
  const inner = hidden.map((weights) => Math.tanh(dot(weights, x)));
  // Gumbel noise: the label is drawn from the softmax of the outputs.
  const scores = output.map((weights) => dot(weights, inner) - Math.log(-Math.log(random() || 1e-12)));
  const label = labels[scores.indexOf(Math.max(...scores))] as string;
  return { region: "world", label, at: 0, instance: Object.fromEntries(x.map((value, i) => [`x${i}`, value])) };
}

function sharpened(scores: Float64Array): number[] {
  const powers = Array.from(scores, (score) => score ** (1 / overconfidence));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
