import { canonicalJson } from "#core/canonical.ts";
import { blockOf } from "#core/confidence/splits.ts";
import type { Input } from "#core/contract/index.ts";
import { type Label, numberIn } from "#core/head/label.ts";
import { inputParts, inputShapes, sizeOf } from "#core/input/index.ts";
import { unread } from "#core/regress/read.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { planInput } from "../train/columns.ts";
import { encodeRows } from "../train/dataset.ts";
import type { TrainedModel } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import { sampleRows } from "../train/rows.ts";
import type { RowsBySplit } from "../train/splits.ts";
import { boosted } from "./boosting.ts";
import { findingsOf } from "./findings.ts";
import { fitLogistic, logisticScores, type TargetRows } from "./logistic.ts";
import { type Outcome, outcomeOf, outcomeOfNumbers } from "./outcome.ts";
import { fitRegionalRidge, ridgeValue } from "./ridge.ts";
import { rungScores } from "./rungs.ts";

/** A model that was judged, and how well it did. */
export interface ComparedModel {
  name: string;
  /** The mean loss. */
  loss: number;
  /** The mean loss without copies; null where there are none. */
  withoutCopies: number | null;
  /** Other figures by name; null for one that is not defined. */
  figures: Record<string, number | null>;
}

/** The rungs of a model beside usual models, on the same rows. */
export interface Comparison {
  /** What the loss is: `log-loss`; of numbers the mean absolute error, `MAE`. */
  loss: "log-loss" | "MAE";
  /** The rows that judged, and how many of them equal a row that a model was trained or validated on. */
  rows: number;
  copies: number;
  models: ComparedModel[];
  /** What follows, in words: where a simpler model is as good, and where boosting is better. */
  findings: string[];
}

export interface CompareOptions {
  /** Rows that judge; the held-out rows of calibration unless given. */
  test?: readonly Row[] | undefined;
  onProgress?: (step: ComparisonStep) => void;
}

/** What a comparison judges, in this order. */
export const comparisonSteps = ["rungs", "others"] as const;
type ComparisonStep = (typeof comparisonSteps)[number];

const blockDays = 7;
/** Values of the training rows that the other models are fitted on at most: they are held in memory, and read many times. */
const fittedMaxValues = 2e7;

/**
 * Judges thin, thin with the heads that regions would learn, full, and the ladder of them beside a logistic regression (of
 * numbers, a ridge regression for each region) and, where the `xgboost` program is installed, boosting. Regions learn from
 * held-out rows that do not judge; the others are trained on the training rows (a sample where they are many), with the region
 * as an input, and validated on the same rows as the networks.
 */
export async function compareModels(
  given: Recipe,
  model: Pick<TrainedModel, "draft" | "blobs">,
  splits: RowsBySplit,
  { test, onProgress }: CompareOptions = {},
): Promise<Comparison> {
  const { draft } = model;
  const recipe = withBins(given, [], draft);
  const own = [...splits.calibration, ...splits.latest];
  const ownGroups = [...splits.groups.calibration, ...splits.groups.latest];
  const judged = test ?? own;
  if (judged.length === 0) throw new Error("No row is left to compare models on. Give some with --test.");
  const learned = test
    ? { rows: [...splits.validation, ...own], groups: [...splits.groups.validation, ...ownGroups] }
    : { rows: splits.validation, groups: splits.groups.validation };
  const labels = labelsOf(recipe, judged);
  onProgress?.("rungs");
  const { thin, edge, full, ladder, isFull } = await rungScores(recipe, model, learned, judged);
  const outcome = (scores: readonly Float64Array[], reading = draft.thin.reading) =>
    outcomeOf(scores, labels, recipe.number ? { task: recipe.number, reading: reading ?? unread } : null);
  const outcomes: Record<string, Outcome> = { thin: outcome(thin), "thin with heads": outcome(edge) };
  const fullOutcome = full && outcome(full, draft.full?.reading);
  if (fullOutcome) outcomes.full = fullOutcome;
  outcomes.ladder = isFull.some(Boolean) ? outcome(ladder) : (outcomes["thin with heads"] as Outcome);
  onProgress?.("others");
  const input = draft.full?.input ?? draft.thin.input;
  if (isTable(input)) Object.assign(outcomes, await otherOutcomes(recipe, splits, judged, labels, input));
  const seen = new Set([...splits.train, ...learned.rows].map(contentOf));
  const isCopy = judged.map((row) => seen.has(contentOf(row)));
  const clusters = judged.map(({ at }, row) => (recipe.isTimed ? blockOf(blockDays, at) : String(row)));
  const loss = recipe.number ? "MAE" : "log-loss";
  return {
    ...{ loss, rows: judged.length, copies: isCopy.filter(Boolean).length },
    models: Object.entries(outcomes).map(([name, { losses, figures }]) => {
      const others = losses.filter((_, row) => !isCopy[row]);
      const withoutCopies = others.length === losses.length ? null : mean(others);
      return { name, loss: mean(losses), withoutCopies, figures };
    }),
    findings: findingsOf(outcomes, loss, clusters, { isTable: isTable(input) }),
  };
}

function labelsOf(recipe: Recipe, rows: readonly Row[]): Label[] {
  const task = taskOf(recipe);
  return rows.map(({ label }) => {
    const known = task.labelOf(label);
    if (known !== null) return known;
    throw new Error(`The label '${label}' of the test rows must be ${task.expected}. Correct the rows.`);
  });
}

/** Whether an input is one list of values. The lists of n-grams are none: thin itself is close to a logistic regression. */
function isTable(input: Input): boolean {
  return inputParts(input).every(({ buckets }) => buckets === null);
}

/** Trains usual models on the training rows, and judges them. */
async function otherOutcomes(
  recipe: Recipe,
  splits: RowsBySplit,
  judged: readonly Row[],
  labels: readonly Label[],
  input: Input,
): Promise<Record<string, Outcome>> {
  const { number } = recipe;
  const classes = recipe.labels.length;
  const encoded = (by: Input, rows: readonly Row[]): TargetRows & { regions: string[] } => {
    const data = encodeRows(recipe, by, rows);
    const inputs = rows.map((_, row) => data.values.read([row]));
    data.values.release();
    const targets = data.soft ? data.soft.map(({ value }) => value) : Array.from(data.labels);
    return { inputs, targets, regions: rows.map(({ region }) => region) };
  };
  const parts = (by: Input) => {
    const width = inputShapes(by)
      .map(sizeOf)
      .reduce((sum, size) => sum + size, 0);
    const sampled = sampleRows(splits.train, Math.floor(fittedMaxValues / (width * (number ? 1 : classes))));
    return [encoded(by, sampled), encoded(by, splits.validation), encoded(by, judged)] as const;
  };
  // Trees need no scale, and split one column better than many.
  const plain = parts(planInput(recipe.full.input, splits.train, "standard"));
  if (number) {
    const judge = (values: readonly number[]) =>
      outcomeOfNumbers(
        values.map((value) => ({ value, mean: value, interval: null })),
        labels.map(numberIn),
        number,
      );
    const [train, validation, asked] = parts(input);
    const ridge = fitRegionalRidge(train, validation);
    const values = asked.inputs.map((row, i) => ridgeValue(ridge, asked.regions[i] as string, row));
    const trees = await boosted(...plain, "number");
    return {
      "ridge by region": judge(values),
      ...(trees ? { boosting: judge(trees.map(([value]) => value as number)) } : {}),
    };
  }
  const [train, validation, asked] = parts(input);
  const logistic = fitLogistic(train, validation, classes);
  const trees = await boosted(...plain, { classes });
  return {
    logistic: outcomeOf(
      asked.inputs.map((row) => logisticScores(logistic, row)),
      labels,
      null,
    ),
    ...(trees ? { boosting: outcomeOf(trees, labels, null) } : {}),
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function contentOf({ instance, region }: Row): string {
  return canonicalJson({ instance, region });
}
