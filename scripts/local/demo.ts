import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Demo, DemoQuestion } from "#core/demo.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";

/** Which questions the console's demo asks. */
export interface DemoChoice {
  /** An example with `trainBefore`. */
  recipe: string;
  /** All regions unless given. */
  regions?: readonly string[];
  /** 52 unless given. */
  rounds?: number;
  /** Two minutes unless given. */
  seconds?: number;
}

const twoMinutes = 120;
const weeks = 52;
const retrainEvery = 8;
const seed = 1;

/** Writes the demo's file to a folder; returns its path. The edge's process serves it on this machine only. */
export async function writeDemo(folder: string, choice: DemoChoice): Promise<string> {
  const path = join(folder, ".upriver", "demo.json");
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(await demoOf(choice)));
  return path;
}

/**
 * Returns the questions that came after the model's training, shuffled, at the times of those rows. In their own order
 * the seasons decide how many questions are easy, and hide what the regions learn.
 */
async function demoOf({ recipe: name, regions, rounds = weeks, seconds = twoMinutes }: DemoChoice): Promise<Demo> {
  const recipe = exampleRecipe(name);
  if (recipe.trainBefore === null) throw new Error(`Example '${name}' has no trainBefore, so it has no demo.`);
  const from = Date.parse(recipe.trainBefore);
  const rows = (await recipe.load({}))
    .filter(({ at, region }) => at >= from && (regions?.includes(region) ?? true))
    .sort((a, b) => a.at - b.at);
  const order = [...shuffled(rows.length, seededRandom(seed))].map((i) => rows[i] as (typeof rows)[number]);
  const questions = order.map(
    ({ region, instance, label }, i) => ({ region, instance, label, at: rows[i]?.at }) as DemoQuestion,
  );
  const size = Math.ceil(questions.length / rounds);
  const each = Array.from({ length: rounds }, (_, i) => questions.slice(i * size, (i + 1) * size));
  return { model: name, seconds, retrainEvery, rounds: each.filter(({ length }) => length > 0) };
}
