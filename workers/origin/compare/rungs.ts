import { accepts } from "#core/confidence/rule.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { scoresOf } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { taskOf } from "#core/task/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { type Dataset, embedRows, encodeRows } from "../train/dataset.ts";
import type { TrainedModel } from "../train/index.ts";
import { readFrom, scoreDataset } from "../train/score.ts";
import { headScores, learnHead, type RegionalSetting } from "./heads.ts";

type Model = Pick<TrainedModel, "draft" | "blobs">;

/** Scores of rows by each rung, and which of the ladder's full gave. */
export interface RungScores {
  thin: Float64Array[];
  edge: Float64Array[];
  full: Float64Array[] | null;
  ladder: Float64Array[];
  isFull: boolean[];
}

/** Rows that regions learn from, with their group keys. */
export interface LearnedRows {
  rows: readonly Row[];
  groups: readonly string[];
}

const minLabels = 30;

/** Scores rows by thin, by thin with the heads that regions learn from other rows, by full, and by the ladder of them. */
export async function rungScores(
  recipe: Recipe,
  { draft, blobs }: Model,
  learned: LearnedRows,
  judged: readonly Row[],
): Promise<RungScores> {
  const read = readFrom(blobs);
  const scoresBy = (spec: NetworkSpec) => encoded(recipe, spec, judged, (data) => scoreDataset(spec, read, data));
  const thin = await scoresBy(draft.thin);
  const full = draft.full && (await scoresBy(draft.full));
  const edge = await edgeScores(recipe, { draft, blobs }, learned, judged);
  const task = taskOf(recipe);
  const isFull = edge.map((scores) => {
    const { confidence, label } = task.read(scores, draft.thin.reading);
    return full !== null && (draft.escalation?.isUsed ?? false) && !accepts(draft.thin.rule, confidence, label);
  });
  const ladder = edge.map((scores, row) => (isFull[row] ? ((full ?? edge)[row] as Float64Array) : scores));
  return { thin, edge, full, ladder, isFull };
}

async function edgeScores(
  recipe: Recipe,
  { draft: { thin: spec }, blobs }: Model,
  { rows: learned, groups }: LearnedRows,
  judged: readonly Row[],
): Promise<Float64Array[]> {
  const { backbone, head } = await loadNetwork(servingEngine, spec, readFrom(blobs));
  const embed = (rows: readonly Row[]) =>
    encoded(recipe, spec, rows, async (data) => {
      const all = embedRows(backbone, data);
      return rows.map((_row, i) => all.subarray(i * head.width, (i + 1) * head.width));
    });
  const [own, asked] = [await embed(learned), await embed(judged)];
  backbone.release();
  const task = taskOf(recipe);
  const setting: RegionalSetting = {
    start: Float32Array.from([...head.weights, ...head.bias], (weight) => weight / head.temperature),
    ...{ classes: head.classes, step: spec.backbone.embedding.step, targetRisk: recipe.targetRisk, minLabels },
    ...{ task, reading: spec.reading },
  };
  const heads = new Map(
    recipe.policy.regions.keys.map((region) => {
      const rows = [...learned.keys()].filter((row) => learned[row]?.region === region);
      const pick = <T>(values: readonly T[]) => rows.map((row) => values[row] as T);
      const labels = pick(learned).map(({ label }) => task.labelOf(label) as Label);
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

async function encoded<T>(
  recipe: Recipe,
  spec: NetworkSpec,
  rows: readonly Row[],
  use: (data: Dataset) => Promise<T>,
): Promise<T> {
  const data = encodeRows(recipe, spec.input, rows);
  try {
    return await use(data);
  } finally {
    data.values.release();
  }
}
