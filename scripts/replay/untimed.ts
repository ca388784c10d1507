import { seededRandom, shuffled } from "#origin/random.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { dayMs } from "./days.ts";

/** The days over which rows without a time are spread. */
const steps = 10;

/**
 * Gives rows without a time an order: those that the networks were trained on come first, to be taught; the others are
 * asked in ten steps of a day each, shuffled.
 */
export function spreadRows(recipe: Recipe, rows: readonly Row[]): { rows: Row[]; from: number } {
  const { train, validation, calibration } = assignSplits(recipe, rows);
  const from = (Math.floor(Date.now() / dayMs) - steps) * dayMs;
  const held = [...validation, ...calibration];
  const order = Array.from(shuffled(held.length, seededRandom(recipe.training.seed)), (i) => held[i] as Row);
  const placed = (row: Row, at: number): Row => ({ ...plain(row), at });
  return {
    rows: [
      ...train.map((row) => placed(row, from - dayMs)),
      ...order.map((row, i) => placed(row, from + Math.floor((i * steps) / order.length) * dayMs)),
    ],
    from,
  };
}

function plain({ region, instance, label }: Row): Omit<Row, "at"> {
  return { region, instance, label };
}
