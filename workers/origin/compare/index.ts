import { canonicalJson } from "#core/canonical.ts";
import { accepts } from "#core/confidence/rule.ts";
import { blockOf } from "#core/confidence/splits.ts";
import type { Metrics, NetworkSpec } from "#core/contract/index.ts";
import { argMax, scoresOf } from "#core/head/head.ts";
import { averagePrecisionOf, evaluate, logLossOf, lossOf } from "#core/head/metrics.ts";
import { inputShapes, sizeOf } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { planInput } from "../train/columns.ts";
import { type Dataset, embedRows, encodeRows } from "../train/dataset.ts";
import type { TrainedModel } from "../train/index.ts";
import { sampleRows } from "../train/rows.ts";
import { readFrom, scoreDataset } from "../train/score.ts";
import type { RowsBySplit } from "../train/splits.ts";
import { boostedScores } from "./boosting.ts";
import { headScores, learnHead, type RegionalSetting } from "./heads.ts";
import { type ClassRows, fitLogistic, logisticScores } from "./logistic.ts";

/** A model that was judged, and how well it did. */
export interface ComparedModel {
  name: string;
  metrics: Metrics;
  /** Of two classes, for the second; null for more. */
  averagePrecision: number | null;
  /** The log-loss without copies; null where there are none. */
  withoutCopies: number | null;
}

/** The rungs of a model beside usual models, on the same rows. */
export interface Comparison {
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
  onProgress?: (note: string) => void;
}

const minLabels = 30;
const z90 = 1.645;
const blockDays = 7;
/** Values of the training rows that the other models are fitted on at most: they are held in memory, and read many times. */
const fittedMaxValues = 2e7;

/**
 * Judges thin, thin with the heads that regions would learn, full, and the ladder of them beside a logistic regression and,
 * where the `xgboost` program is installed, boosting. Regions learn from held-out rows that do not judge; the others are
 * trained on the training rows (a sample where they are many), with the region as an input, and validated on the same rows as
 * the networks.
 */
export async function compareModels(
  recipe: Recipe,
  { draft, blobs }: Pick<TrainedModel, "draft" | "blobs">,
  splits: RowsBySplit,
  { test, onProgress }: CompareOptions = {},
): Promise<Comparison> {
  const own = [...splits.calibration, ...splits.latest];
  const ownGroups = [...splits.groups.calibration, ...splits.groups.latest];
  const judged = test ?? own;
  if (judged.length === 0) throw new Error("No row is left to compare models on. Give some with --test.");
  const learned = test ? [...splits.validation, ...own] : splits.validation;
  const learnedGroups = test ? [...splits.groups.validation, ...ownGroups] : splits.groups.validation;
  const labels = judged.map(({ label }) => recipe.labels.indexOf(label));
  const unknown = judged.find((_, i) => labels[i] === -1);
  if (unknown) throw new Error(`The label '${unknown.label}' of the test rows is none of ${recipe.labels.join(", ")}.`);
  const read = readFrom(blobs);
  onProgress?.("scoring");
  const thin = await scored(recipe, draft.thin, judged, (spec, data) => scoreDataset(spec, read, data));
  const full = draft.full && (await scored(recipe, draft.full, judged, (spec, data) => scoreDataset(spec, read, data)));
  onProgress?.("heads");
  const edge = await edgeScores(recipe, { draft, blobs }, { learned, groups: learnedGroups, judged });
  const ladder = edge.map((scores, row) => {
    const label = argMax(scores);
    const isAccepted = accepts(draft.thin.rule, scores[label] as number, recipe.labels[label]);
    return isAccepted || !full || !draft.escalation?.isUsed ? scores : (full[row] as Float64Array);
  });
  onProgress?.("logistic");
  const others = await otherScores(recipe, splits, judged, draft.full?.input ?? draft.thin.input);
  onProgress?.("boosting");
  const boosted = await others.boosting();
  const scores: Record<string, readonly Float64Array[]> = {
    thin,
    "thin with heads": edge,
    ...(full ? { full } : {}),
    ladder,
    logistic: others.logistic,
    ...(boosted ? { boosting: boosted } : {}),
  };
  const seen = new Set([...splits.train, ...learned].map(contentOf));
  const isCopy = judged.map((row) => seen.has(contentOf(row)));
  const models = Object.entries(scores).map(([name, rows]) => judgedModel(name, rows, labels, isCopy));
  const clusters = judged.map(({ at }, row) => (recipe.isTimed ? blockOf(blockDays, at) : String(row)));
  return {
    ...{ rows: judged.length, copies: isCopy.filter(Boolean).length, models },
    findings: findingsOf(scores, labels, clusters),
  };
}

function judgedModel(
  name: string,
  scores: readonly Float64Array[],
  labels: readonly number[],
  isCopy: readonly boolean[],
): ComparedModel {
  const others = [...labels.keys()].filter((row) => !isCopy[row]);
  const isBinary = scores[0]?.length === 2;
  return {
    ...{ name, metrics: evaluate(scores, labels) },
    averagePrecision: isBinary
      ? averagePrecisionOf(
          scores.map((row) => row[1] as number),
          labels.map((label) => label === 1),
        )
      : null,
    withoutCopies:
      others.length === labels.length
        ? null
        : logLossOf(
            others.map((row) => scores[row] as Float64Array),
            others.map((row) => labels[row] as number),
          ),
  };
}

async function scored<T>(
  recipe: Recipe,
  spec: NetworkSpec,
  rows: readonly Row[],
  score: (spec: NetworkSpec, data: Dataset) => Promise<T>,
): Promise<T> {
  const data = encodeRows(recipe, spec.input, rows);
  try {
    return await score(spec, data);
  } finally {
    data.values.release();
  }
}

/** Scores rows by thin with the heads that regions learn from other rows. */
async function edgeScores(
  recipe: Recipe,
  { draft: { thin: spec }, blobs }: Pick<TrainedModel, "draft" | "blobs">,
  { learned, groups, judged }: { learned: readonly Row[]; groups: readonly string[]; judged: readonly Row[] },
): Promise<Float64Array[]> {
  const { backbone, head } = await loadNetwork(await tfjsEngine(), spec, readFrom(blobs));
  const embed = (rows: readonly Row[]) =>
    scored(recipe, spec, rows, async (_, data) => {
      const all = embedRows(backbone, data);
      return rows.map((_row, i) => all.subarray(i * head.width, (i + 1) * head.width));
    });
  const [own, asked] = [await embed(learned), await embed(judged)];
  backbone.release();
  const setting: RegionalSetting = {
    start: Float32Array.from([...head.weights, ...head.bias], (weight) => weight / head.temperature),
    ...{ classes: head.classes, step: spec.backbone.embedding.step, targetRisk: recipe.targetRisk, minLabels },
  };
  const heads = new Map(
    recipe.policy.regions.keys.map((region) => {
      const rows = [...learned.keys()].filter((row) => learned[row]?.region === region);
      const pick = <T>(values: readonly T[]) => rows.map((row) => values[row] as T);
      const labels = pick(learned).map(({ label }) => recipe.labels.indexOf(label));
      return [region, learnHead({ embeddings: pick(own), labels, groups: pick(groups) }, setting)];
    }),
  );
  return asked.map((embedding, row) => {
    const regional = heads.get(judged[row]?.region as string);
    return regional && regional !== setting.start
      ? headScores(embedding, regional, setting)
      : scoresOf(head, embedding, 0);
  });
}

async function otherScores(recipe: Recipe, splits: RowsBySplit, judged: readonly Row[], input: NetworkSpec["input"]) {
  const classes = recipe.labels.length;
  const encoded = (own: NetworkSpec["input"], rows: readonly Row[]): ClassRows => {
    const data = encodeRows(recipe, own, rows);
    const inputs = rows.map((_, row) => data.values.read([row]));
    data.values.release();
    return { inputs, labels: Array.from(data.labels) };
  };
  const parts = (own: NetworkSpec["input"]) => {
    const width = inputShapes(own)
      .map(sizeOf)
      .reduce((sum, size) => sum + size, 0);
    const sampled = sampleRows(splits.train, Math.floor(fittedMaxValues / (width * classes)));
    return [encoded(own, sampled), encoded(own, splits.validation)] as const;
  };
  const model = fitLogistic(...parts(input), classes);
  return {
    logistic: encoded(input, judged).inputs.map((row) => logisticScores(model, row)),
    boosting: async () => {
      // Trees need no scale, and split one column better than many.
      const plain = planInput(recipe.full.input, splits.train, "standard");
      return boostedScores(...parts(plain), encoded(plain, judged), classes);
    },
  };
}

/** Says where a simpler model is as good as the ladder, and whether boosting is better. */
function findingsOf(
  scores: Record<string, readonly Float64Array[]>,
  labels: readonly number[],
  clusters: readonly string[],
): string[] {
  const compare = (name: string, with_: string) =>
    difference(scores[name] ?? [], scores[with_] ?? [], labels, clusters);
  const text = ({ mean, error }: Difference) =>
    `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(4)} log-loss, 90% within ±${(z90 * error).toFixed(4)}`;
  const simple = ["logistic", "thin", "thin with heads"];
  const asGood = simple.find((name) => {
    const { mean, error } = compare(name, "ladder");
    return mean - z90 * error <= 0;
  });
  const found = asGood
    ? [`A simpler model is as good as the ladder: ${asGood} (${text(compare(asGood, "ladder"))}).`]
    : ["The ladder is better than each simpler model."];
  if (!scores.boosting) return [...found, "Boosting is left out: the program 'xgboost' is not installed."];
  const boosting = compare("boosting", "ladder");
  const verdict =
    boosting.mean + z90 * boosting.error < 0
      ? "better than"
      : boosting.mean - z90 * boosting.error > 0
        ? "worse than"
        : "as good as";
  return [...found, `Boosting is ${verdict} the ladder: ${text(boosting)}.`];
}

interface Difference {
  mean: number;
  error: number;
}

/** The mean difference in log-loss, and its standard error over clusters. */
function difference(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
  labels: readonly number[],
  clusters: readonly string[],
): Difference {
  const differences = labels.map(
    (label, row) => lossOf(a[row] as Float64Array, label) - lossOf(b[row] as Float64Array, label),
  );
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
  const sums = new Map<string, number>();
  for (const [row, cluster] of clusters.entries()) {
    sums.set(cluster, (sums.get(cluster) ?? 0) + (differences[row] as number) - mean);
  }
  const squares = [...sums.values()].reduce((sum, value) => sum + value ** 2, 0);
  const correction = sums.size / Math.max(1, sums.size - 1);
  return { mean, error: Math.sqrt(squares * correction) / differences.length };
}

function contentOf({ instance, region }: Row): string {
  return canonicalJson({ instance, region });
}
