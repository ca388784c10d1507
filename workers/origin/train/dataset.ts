import type { Input, LabelSource } from "#core/contract/index.ts";
import type { Label, SoftLabel } from "#core/head/label.ts";
import { encode, inputParts, regionPlace, sizeOf } from "#core/input/index.ts";
import type { LoadedBackbone } from "#core/model/backbone.ts";
import { binOf } from "#core/regress/bins.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import type { Recipe, Row } from "../recipes/index.ts";
import { RowStore } from "./row-store.ts";

/** A row with its weight and source. */
export interface WeightedRow extends Row {
  /** Its weight in training; 1, a row of the recipe's own data, unless given. */
  weight?: number;
  /** Where its label comes from; `base`, the recipe's own data, unless given. */
  source?: "base" | LabelSource;
  /** What a rung above that we don't own gave each label, before calibration; absent unless one was asked. */
  above?: Record<string, number>;
  /** The probability with which it got its label, or an answer from above; 1 unless given. */
  inclusionProbability?: number;
  /** The token that gave the label, where it is known. */
  labelledBy?: string;
  /** Whether the label only trains, since its token is not trusted; no, unless given. */
  isUntrusted?: boolean;
  /** The question's id; a row of the recipe's own data is named after its place unless given. */
  id?: string;
}

/** Encoded rows: the values of the network's inputs, the class, the region (−1 for an unlisted one) and the weight. */
export interface Dataset {
  rows: number;
  /** The shapes of the network's inputs; a row holds their values one after another. */
  shapes: number[][];
  /** For each input the buckets of its n-grams, which an embedding bag sums; null for other inputs. None has any unless given. */
  buckets?: (number | null)[];
  values: RowStore;
  /** The class of each row; of a number, its bin. */
  labels: Int32Array;
  /** What each row teaches where labels are numbers; absent where they are classes. */
  soft?: SoftLabel[];
  regions: Int32Array;
  weights: Float32Array;
  /** The number of listed regions. */
  regionCount: number;
  /** The columns that encode a row's region; null when the region is no input. */
  regionColumns: ColumnRange | null;
}

/** A range of columns in a row's values. */
export interface ColumnRange {
  offset: number;
  width: number;
}

/** Rows that are embedded or scored at once. */
export const blockRows = 4_096;

/** Encodes rows by an input. Throws, naming the row and the column, when a row does not match the input. */
export function encodeRows(recipe: Recipe, input: Input, rows: readonly WeightedRow[]): Dataset {
  const parts = inputParts(input);
  const shapes = parts.map(({ shape }) => shape);
  const values = new RowStore(
    rows.length,
    shapes.map(sizeOf).reduce((sum, size) => sum + size, 0),
  );
  const { number } = recipe;
  if (recipe.numbers && !number) throw new Error(`The bins of '${recipe.name}' are not fitted yet.`);
  const { regions } = recipe.policy;
  for (const [i, row] of rows.entries()) {
    const encoded = encode(input, row.instance, { region: row.region });
    if (!encoded.ok) {
      const [fault] = encoded.error;
      throw new Error(
        `Row ${i} of '${recipe.name}' does not match the input: '${fault?.path}' must be ${fault?.expected}, but is ` +
          `${fault?.received}. Correct the data or the recipe's input.`,
      );
    }
    values.write(i, encoded.value);
  }
  return {
    rows: rows.length,
    shapes,
    buckets: parts.map(({ buckets }) => buckets),
    values,
    labels: number
      ? Int32Array.from(rows, ({ label }) => binOf(number.bins, Number(label)))
      : Int32Array.from(rows, ({ label }) => recipe.labels.indexOf(label)),
    ...(number ? { soft: rows.map(({ label }) => softLabelOf(number.bins, Number(label))) } : {}),
    regions: Int32Array.from(rows, ({ region }) => regions.keys.indexOf(region)),
    weights: Float32Array.from(rows, ({ weight = 1 }) => weight),
    regionCount: regions.keys.length,
    regionColumns: regionColumnsOf(input, shapes),
  };
}

/** Returns what a row of a dataset teaches a head. */
export function labelAt({ labels, soft }: Pick<Dataset, "labels" | "soft">, row: number): Label {
  return soft?.[row] ?? (labels[row] as number);
}

/** Lists what each row of a dataset teaches a head. */
export function labelsOf({ labels, soft }: Pick<Dataset, "labels" | "soft">): Label[] {
  return soft ?? Array.from(labels);
}

/** Lists the row indexes 0 … rows − 1 in blocks of at most `size`. */
export function blocksOf(rows: number, size = blockRows): Int32Array[] {
  return cut(
    Int32Array.from({ length: rows }, (_, row) => row),
    size,
  );
}

/** Cuts a list of row indexes into blocks of at most `size`. */
export function cut(order: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(order.length / size) }, (_, i) => order.subarray(i * size, (i + 1) * size));
}

/** Computes the embeddings [rows, width] of a dataset, block by block, on the edge's engine. */
export function embedRows(backbone: LoadedBackbone, data: Dataset): Float32Array {
  const out = new Float32Array(data.rows * backbone.width);
  for (const indexes of blocksOf(data.rows)) {
    out.set(backbone.embed(data.values.read(indexes), indexes.length), (indexes[0] as number) * backbone.width);
  }
  return out;
}

function regionColumnsOf(input: Input, shapes: readonly number[][]): ColumnRange | null {
  if (input.kind !== "features") {
    const width = input.regions?.length ?? 0;
    return width > 0 ? { offset: sizeOf(shapes[0] as number[]), width } : null;
  }
  return regionPlace(input);
}
