import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TargetRows } from "./logistic.ts";

const run = promisify(execFile);

const settings = { eta: 0.05, max_depth: 5, min_child_weight: 3, subsample: 0.8, colsample_bytree: 0.7, seed: 1 };
const roundsMax = 1_000;
/** Rounds without a lower validation loss before it stops. */
const patience = 50;
const outputMaxBytes = 64 * 1024 * 1024;

/**
 * Fits gradient-boosted trees with the `xgboost` program on the training rows, with as many rounds as are best on validation
 * rows. Returns the scores of other rows, or their predicted numbers, one in each; null where the program is not installed.
 */
export async function boosted(
  train: TargetRows,
  validation: TargetRows,
  asked: TargetRows,
  task: { classes: number } | "number",
): Promise<Float64Array[] | null> {
  if (!(await isInstalled())) return null;
  const folder = await mkdtemp(join(tmpdir(), "upriver-boosting-"));
  const at = (name: string) => join(folder, name);
  try {
    for (const [name, rows] of Object.entries({ train, validation, asked })) await writeFile(at(name), libsvm(rows));
    const objective = objectiveOf(task);
    const data = (name: string) => `${at(name)}?format=libsvm`;
    const common = { ...settings, ...objective, data: data("train") };
    const grow = async (from: number, rounds: number, more: Record<string, string>) => {
      const start = from > 0 ? { model_in: at(`model-${from}`) } : {};
      const model = { num_round: rounds, model_out: at(`model-${from + rounds}`) };
      const { stdout, stderr } = await xgboost(at("config"), { ...common, ...start, ...model, ...more });
      return validationLosses(`${stdout}\n${stderr}`);
    };
    // The program does not stop by itself when the validation loss rises.
    const losses: number[] = [];
    let best = 0;
    while (losses.length < roundsMax && losses.length - best < patience) {
      losses.push(...(await grow(losses.length, patience, { "eval[validation]": data("validation") })));
      best = losses.indexOf(Math.min(...losses)) + 1;
    }
    const whole = best - (best % patience);
    if (best > whole) await grow(whole, best - whole, {});
    const ask = { task: "pred", model_in: at(`model-${best}`), "test:data": data("asked"), name_pred: at("scores") };
    await xgboost(at("config"), { ...common, ...ask });
    const values = (await readFile(at("scores"), "utf8")).trim().split(/\s+/).map(Number);
    const width = values.length / asked.inputs.length;
    return asked.inputs.map((_, row) => {
      const own = Float64Array.from(values.slice(row * width, (row + 1) * width));
      // Of two classes, the score of the second.
      return task !== "number" && width === 1 ? Float64Array.of(1 - (own[0] as number), own[0] as number) : own;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function objectiveOf(task: { classes: number } | "number"): Record<string, string | number> {
  if (task === "number") return { objective: "reg:squarederror", eval_metric: "mae" };
  const { classes } = task;
  if (classes === 2) return { objective: "binary:logistic", eval_metric: "logloss" };
  return { objective: "multi:softprob", num_class: classes, eval_metric: "mlogloss" };
}

async function isInstalled(): Promise<boolean> {
  return run("xgboost", ["--version"]).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== "ENOENT",
  );
}

async function xgboost(path: string, parameters: Record<string, string | number>) {
  const lines = Object.entries(parameters).map(([name, value]) => {
    return `${name}=${typeof value === "string" ? JSON.stringify(value) : value}`;
  });
  await writeFile(path, `${lines.join("\n")}\n`);
  // Threads that spin while they wait slow each other down on a busy machine.
  const env = { ...process.env, OMP_WAIT_POLICY: "passive" };
  return run("xgboost", [path], { maxBuffer: outputMaxBytes, env });
}

/** Reads the loss on validation rows after each round from the program's output. */
function validationLosses(output: string): number[] {
  return [...output.matchAll(/\[\d+\]\s+validation-(?:m?logloss|mae):([\d.]+)/g)].map(([, loss]) => Number(loss));
}

function libsvm({ inputs, targets }: TargetRows): string {
  const line = (row: Float32Array, label: number) =>
    [label, ...Array.from(row, (value, i) => (value === 0 ? null : `${i}:${value}`)).filter((one) => one)].join(" ");
  return `${inputs.map((row, i) => line(row, targets[i] as number)).join("\n")}\n`;
}
