import { foldOf, splitKey } from "../../core/confidence/folds.ts";
import type { Fold, Input } from "../../core/contract/index.ts";
import { encode, inputShape } from "../../core/input/index.ts";
import type { Recipe, Row } from "../recipes/index.ts";

/** Encoded rows: inputs [rows, width], the class of each label, the region of each row, −1 for an unlisted one. */
export interface Dataset {
  rows: number;
  width: number;
  inputs: Float32Array;
  labels: Int32Array;
  regions: Int32Array;
  /** How many regions are listed. */
  regionCount: number;
}

export type Folded = Record<Fold, Row[]>;

/** Deals rows into train, tune and certify by their split keys, the same way each time. */
export async function foldRows(recipe: Recipe, rows: readonly Row[]): Promise<Folded> {
  const folded: Folded = { train: [], tune: [], certify: [] };
  const known = new Map<string, Fold>();
  for (const [i, row] of rows.entries()) {
    const key = splitKey(recipe.policy.split, { id: `${recipe.name}-${i}`, instance: row.instance, at: row.at });
    const place = `${row.region}|${key}`;
    const fold = known.get(place) ?? (await foldOf(`recipe ${recipe.name} ${recipe.training.seed}`, row.region, key));
    known.set(place, fold);
    folded[fold].push(row);
  }
  return folded;
}

/** Encodes rows by an input. Throws, naming the row, when one does not fit: a recipe's data must. */
export function encodeRows(recipe: Recipe, input: Input, rows: readonly Row[]): Dataset {
  const width = inputShape(input).reduce((product, dimension) => product * dimension, 1);
  const inputs = new Float32Array(rows.length * width);
  const { regions } = recipe.policy;
  const extraColumns = regions.from === "field" && regions.name ? [regions.name] : [];
  for (const [i, row] of rows.entries()) {
    const encoded = encode(input, row.instance, { region: row.region, extraColumns });
    if (!encoded.ok) {
      const [fault] = encoded.error;
      throw new Error(
        `Error in encodeRows: row ${i}, ${fault?.path}: expected ${fault?.expected}, got ${fault?.received}`,
      );
    }
    inputs.set(encoded.value, i * width);
  }
  return {
    rows: rows.length,
    width,
    inputs,
    labels: Int32Array.from(rows, ({ label }) => recipe.labels.indexOf(label)),
    regions: Int32Array.from(rows, ({ region }) => regions.keys.indexOf(region)),
    regionCount: regions.keys.length,
  };
}
