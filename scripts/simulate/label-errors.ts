import type { Command } from "commander";
import type { NetworkSpec } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { quantise } from "#core/head/embedding.ts";
import { findLabelErrors } from "#core/head/label-errors.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { embedRows, encodeRows, labelsOf, type WeightedRow } from "#origin/train/dataset.ts";
import { trainOn } from "#origin/train/index.ts";
import type { Blobs } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { printResult } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  share: number;
  rows: number;
  minutes: number;
  seed: number;
  json?: boolean;
}

const folds = 3;

/** `simulate label-errors`: plants wrong labels, trains on them, and counts how many of the suspects were planted. */
export function labelErrorsSimulation(program: Command): void {
  program
    .command("label-errors")
    .description("plant wrong labels in a recipe's rows, train on them, and find them by cross-fitted disagreement")
    .argument("<recipe>", "a recipe of classes")
    .option("--share <share>", "planted wrong labels", numberParser("--share", { above: 0 }), 0.02)
    .option("--rows <n>", "rows at most", numberParser("--rows", { atLeast: 100, isWhole: true }), 20_000)
    .option("--minutes <n>", "how long the networks train at most", numberParser("--minutes", { above: 0 }), 3)
    .option("--seed <n>", "seed of the planted labels", numberParser("--seed", { atLeast: 0, isWhole: true }), 1)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run(name: string, { share, rows: most, minutes, seed, json }: Options): Promise<void> {
  const recipe = await recipeFor(name);
  const random = seededRandom(seed);
  const loaded = await recipe.load({});
  const all = [...shuffled(loaded.length, random)].slice(0, most).map((i) => loaded[i] as (typeof loaded)[number]);
  const planted = new Set<WeightedRow>();
  const rows = all.map((row): WeightedRow => {
    if (random() >= share) return row;
    const others = recipe.labels.filter((label) => label !== row.label);
    // A row may read its instance only when it is asked for it, so that no spread copies it.
    const label = others[Math.floor(random() * others.length)] as string;
    const wrong: WeightedRow = { region: row.region, at: row.at, instance: row.instance, label };
    planted.add(wrong);
    return wrong;
  });
  const splits = assignSplits(recipe, rows);
  const trained = await trainOn(recipe, splits, { until: Date.now() + minutes * 60_000 });
  // Each part is as a region has it: all of them are looked through.
  const looked = [...splits.train, ...splits.validation, ...splits.calibration];
  const ranked = await suspects(recipe, trained.draft.thin, trained.blobs, looked, random);
  const isPlanted = (row: WeightedRow) => planted.has(row);
  const size = looked.filter(isPlanted).length;
  const found = (top: number) => ranked.slice(0, top).filter(isPlanted).length;
  const result = {
    recipe: recipe.name,
    rows: looked.length,
    planted: size,
    disagreements: ranked.length,
    accuracy: trained.draft.metrics.thin.accuracy,
    /** At the planted size both are the same. */
    precision: found(size) / size,
    recall: found(size) / size,
    precisionOfFirstTenth: found(Math.ceil(size / 10)) / Math.ceil(size / 10),
    recallAtTwice: found(2 * size) / size,
    byChance: size / looked.length,
  };
  printResult(json, result, () =>
    [
      `${count(size)} of ${count(looked.length)} labels of ${recipe.name} are wrong (planted); thin: ${percent(result.accuracy)} right`,
      `first ${count(size)} suspects: precision and recall ${percent(result.precision)}; by chance ${percent(result.byChance)}`,
      `first ${count(Math.ceil(size / 10))}: precision ${percent(result.precisionOfFirstTenth)}; first ${count(2 * size)}: recall ${percent(result.recallAtTwice)}`,
    ].join("\n"),
  );
}

/** Ranks rows by how much a head that has not learned from them disagrees, as a region does. */
async function suspects(
  recipe: Recipe,
  spec: NetworkSpec,
  blobs: Blobs,
  rows: readonly WeightedRow[],
  random: () => number,
): Promise<WeightedRow[]> {
  const data = encodeRows(recipe, spec.input, rows);
  const { backbone } = await loadNetwork(servingEngine, spec, readFrom(blobs));
  const { width, step } = spec.backbone.embedding;
  const embeddings = embedRows(backbone, data);
  backbone.release();
  const looked = labelsOf(data).map((label, i) => ({
    label: label as number,
    vector: quantise(embeddings.subarray(i * width, (i + 1) * width), step),
    fold: Math.floor(random() * folds),
    weight: 1,
  }));
  await startBackend();
  const finding = findLabelErrors(looked, { classes: spec.head.classes, step, folds });
  for (;;) {
    const { done, value } = finding.next();
    if (done) return value.map(({ row }) => rows[row] as WeightedRow);
  }
}
