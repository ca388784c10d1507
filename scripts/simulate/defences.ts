import type { Command } from "commander";
import { type TrainableInput, trainableRecipeSchema } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { argMax } from "#core/head/head.ts";
import { averagePrecisionOf, balancedAccuracyOf, confusionOf, logLossOf } from "#core/head/metrics.ts";
import { normal, seededRandom } from "#origin/random.ts";
import type { Row } from "#origin/recipes/index.ts";
import type { CompleteDocument } from "#origin/recipes/recipe.ts";
import { resolveRecipe } from "#origin/recipes/resolve.ts";
import { encodeRows } from "#origin/train/dataset.ts";
import { trainOn } from "#origin/train/index.ts";
import { readFrom, scoreDataset } from "#origin/train/score.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  seeds: number;
  rows: number;
  json?: boolean;
}

interface Outcome {
  logLoss: number;
  averagePrecision: number;
  balancedAccuracy: number;
}

type Training = NonNullable<TrainableInput["training"]>;
type Columns = Extract<NonNullable<TrainableInput["input"]>, { columns: unknown }>["columns"];

/** One way to train on the table. */
interface Variant {
  name: string;
  columns?: (columns: Columns) => Columns;
  scale?: "standard" | "log" | "quantile";
  training?: Training;
}

const testRows = 20_000;
const labels = ["no", "yes"];
const usual: Columns = [
  { type: "number", name: "amount" },
  { type: "number", name: "age" },
  { type: "number", name: "balance" },
  { type: "number", name: "hour" },
  { type: "category", name: "kind" },
];
const widest: [number, number] = [-1e30, 1e30];

const variants: Variant[] = [
  { name: "all defences (the default)" },
  { name: "scale: standard", scale: "standard" },
  { name: "scale: log", scale: "log" },
  { name: "scale: quantile", scale: "quantile" },
  {
    name: "scale: standard, the outlier kept",
    scale: "standard",
    columns: (all) => all.map((column) => (column.type === "number" ? { ...column, clip: widest } : column)),
  },
  {
    name: "no indicator of missing values",
    columns: (all) =>
      all.map((column) => (column.name === "age" ? { ...column, type: "number", missing: 45 } : column)),
  },
  { name: "no weight decay, no dropout", training: { weightDecay: 0, dropout: 0 } },
  { name: "class weights: balanced", training: { classWeights: "balanced" } },
];

/** `simulate defences`: what each defence of a table's training buys. */
export function defencesSimulation(program: Command): void {
  program
    .command("defences")
    .description("train on a table with a rare class, a rare category, missing values and one outlier of 1e9")
    .option("--seeds <n>", "tables, each with its own seed", numberParser("--seeds", { atLeast: 1 }), 3)
    .option("--rows <n>", "rows to train on", numberParser("--rows", { atLeast: 500 }), 4_000)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seeds, rows, json }: Options): Promise<void> {
  const bar = showProgress("defences", variants.length * seeds);
  const results: (Outcome & { name: string })[] = [];
  for (const [i, variant] of variants.entries()) {
    const outcomes: Outcome[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      outcomes.push(await outcomeOf(variant, rows, seed));
      bar.update(i * seeds + seed, variant.name);
    }
    const mean = (of: (one: Outcome) => number) => outcomes.reduce((sum, one) => sum + of(one), 0) / seeds;
    results.push({
      name: variant.name,
      logLoss: mean((one) => one.logLoss),
      averagePrecision: mean((one) => one.averagePrecision),
      balancedAccuracy: mean((one) => one.balancedAccuracy),
    });
  }
  bar.end();
  printResult(json, { seeds, rows, results }, () =>
    formatTable([
      ["thin, on 20,000 new rows", "log-loss", "PR-AUC", "balanced accuracy"],
      ...results.map(({ name, logLoss, averagePrecision, balancedAccuracy }) => [
        ...[name, logLoss.toFixed(4), averagePrecision.toFixed(4), percent(balancedAccuracy)],
      ]),
    ]),
  );
}

async function outcomeOf({ columns, scale, training }: Variant, rows: number, seed: number): Promise<Outcome> {
  const random = seededRandom(seed);
  const drawn = Array.from({ length: rows }, () => drawRow(random));
  // Someone typed one number wrong.
  Object.assign((drawn[0] as Row).instance, { balance: 1e9 });
  const document = trainableRecipeSchema.parse({
    ...{ name: "defences", source: "generated", label: { column: "label", values: labels } },
    input: { columns: columns ? columns(usual) : usual, missing: "allow", ...(scale ? { scale } : {}) },
    networks: { full: { kind: "linear" } },
    training: { epochs: 20, patience: 5, batchSize: 64, learningRate: 0.002, seed, distil: 0, ...training },
  });
  const recipe = resolveRecipe(document as CompleteDocument, async () => drawn);
  const { draft, blobs } = await trainOn(recipe, assignSplits(recipe, drawn), { backend: "wasm" });
  const asked = Array.from({ length: testRows }, () => drawRow(random));
  const data = encodeRows(recipe, draft.thin.input, asked);
  const scores = await scoreDataset(draft.thin, readFrom(blobs), data);
  const truths = Array.from(data.labels);
  const positive = scores.map((row) => row[1] as number);
  return {
    logLoss: logLossOf(scores, truths),
    averagePrecision:
      averagePrecisionOf(
        positive,
        truths.map((truth) => truth === 1),
      ) ?? 0,
    balancedAccuracy: balancedAccuracyOf(confusionOf(scores.map(argMax), truths, 2)) ?? 0,
  };
}

/** A payment that is a fraud ("yes", 3%) or not. */
function drawRow(random: () => number): Row {
  const amount = Math.exp(normal(random, 3, 1.5));
  const age = normal(random, 45, 15);
  const balance = normal(random, 2_000, 800);
  const hour = Math.floor(24 * random());
  const kind = random() < 0.02 ? "gift card" : "goods";
  const isAgeKnown = random() >= 0.25;
  const logit =
    -6.2 +
    1.1 * (Math.log(amount) - 3) +
    (isAgeKnown ? 0.03 * Math.abs(age - 45) : 1.5) -
    0.0008 * (balance - 2_000) +
    (hour < 5 ? 1.5 : 0) +
    (kind === "gift card" ? 2.5 : 0);
  const label = random() < 1 / (1 + Math.exp(-logit)) ? "yes" : "no";
  const instance = { amount, age: isAgeKnown ? age : null, balance, hour, kind };
  return { region: "world", label, at: 0, instance };
}
