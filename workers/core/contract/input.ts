import * as z from "zod";
import { fieldNameExpected, isFieldName } from "./field-name.ts";

const columnName = z.string().min(1).max(128).refine(isFieldName, fieldNameExpected);

/** What all columns have that take a value of the instance. */
const common = {
  name: columnName,
  /** Whether a question must have a value: no training row lacked one. */
  required: z.literal(true).optional(),
  /** Whether one more value says that the column is missing. */
  indicator: z.literal(true).optional(),
};

const knotsMax = 65;

/**
 * A number, standardised as (value − mean) / deviation; a missing one takes `missing` (default: the mean). It is first
 * limited to `clip` and, if `log`, replaced with sign(x)·ln(1 + |x|). With `knots` (rising) it has a value for each
 * interval between two of them instead: 0 below the interval, 1 above, and linear within (piecewise linear encoding,
 * Gorishniy et al., arXiv 2203.05556).
 */
const numberColumn = z
  .strictObject({
    type: z.literal("number"),
    ...common,
    mean: z.number(),
    deviation: z.number().positive(),
    missing: z.number().optional(),
    clip: z.tuple([z.number(), z.number()]).optional(),
    log: z.literal(true).optional(),
    knots: z.array(z.number()).min(2).max(knotsMax).optional(),
  })
  .refine(
    ({ knots = [] }) => knots.every((knot, i) => i === 0 || knot > (knots[i - 1] as number)),
    "knots must rise: each must be above the one before.",
  );

/** True or false, encoded as 1 and −1; a missing one is 0. */
const booleanColumn = z.strictObject({ type: z.literal("boolean"), ...common });

/** A periodic number (day of the year, hour), encoded as sine and cosine; a missing one is (0, 0). */
const cycleColumn = z.strictObject({
  type: z.literal("cycle"),
  ...common,
  period: z.number().positive(),
});

export const dateParts = ["dayOfYear", "weekday", "hour"] as const;
export type DatePart = (typeof dateParts)[number];

/** A date or a time (ISO 8601, or ms since 1970), each part of which is encoded as sine and cosine, in UTC. */
const dateColumn = z.strictObject({
  type: z.literal("date"),
  ...common,
  parts: z.array(z.enum(dateParts)).min(1),
});

/**
 * One of a list of values, encoded one-hot or as a row of `vectors`; a missing one is zeros, or `missing`. With `other`
 * one more value stands for all that are not listed; without it they are refused.
 */
const categoryColumn = z
  .strictObject({
    type: z.literal("category"),
    ...common,
    values: z.array(z.string()).min(1),
    other: z.literal(true).optional(),
    vectors: z.array(z.array(z.number()).min(1)).optional(),
    missing: z.array(z.number()).optional(),
  })
  .refine((c) => !c.vectors || c.vectors.length === c.values.length, "vectors must have one vector for each value.");

const bucketsMax = 2 ** 15;

/** A category with too many values to list, encoded one-hot by the hash of the value. */
const hashedColumn = z.strictObject({
  type: z.literal("hashed"),
  ...common,
  buckets: z.int().min(2).max(bucketsMax),
});

/** The most different n-grams of a text. */
export const termsMax = 4_096;

/**
 * Text. With `terms` it is an input of its own, [2, terms]: the buckets of its hashed n-grams and their weights (see
 * `core/input/ngrams.ts`), for an embedding bag. Without, it is encoded as the signed counts of its hashed words and pairs
 * of words, scaled to length 1.
 */
const textColumn = z.strictObject({
  type: z.literal("text"),
  ...common,
  buckets: z.int().min(2).max(bucketsMax),
  terms: z.int().min(1).max(termsMax).optional(),
});

/** The question's region as a one-hot column; an unlisted region is zeros. */
const regionColumn = z.strictObject({ type: z.literal("region"), values: z.array(z.string()).min(1) });

export const columnSchema = z.discriminatedUnion("type", [
  numberColumn,
  booleanColumn,
  cycleColumn,
  dateColumn,
  categoryColumn,
  hashedColumn,
  textColumn,
  regionColumn,
]);
export type Column = z.infer<typeof columnSchema>;
/** A column that takes a value of the instance. */
export type NamedColumn = Exclude<Column, { type: "region" }>;

export const featuresInputSchema = z.strictObject({
  kind: z.literal("features"),
  columns: z.array(columnSchema).min(1),
  /** Whether a question may lack every column. */
  mayBeEmpty: z.literal(true).optional(),
});
export type FeaturesInput = z.infer<typeof featuresInputSchema>;

/** The regions of a second, one-hot input of the network; an unlisted region is zeros. */
const regionValues = z.array(z.string()).min(1).optional();

/** A tensor, scaled element by element: value · scale + offset. */
export const tensorInputSchema = z.strictObject({
  kind: z.literal("tensor"),
  shape: z.array(z.int().positive()).min(1),
  dtype: z.enum(["float32", "int32"]),
  scale: z.number().default(1),
  offset: z.number().default(0),
  regions: regionValues,
});
export type TensorInput = z.infer<typeof tensorInputSchema>;

/** Pixels from 0 to 255, row by row, scaled: value · scale + offset. */
export const imageInputSchema = z.strictObject({
  kind: z.literal("image"),
  /** Height and width. */
  size: z.tuple([z.int().positive(), z.int().positive()]),
  channels: z.union([z.literal(1), z.literal(3), z.literal(4)]),
  scale: z.number(),
  offset: z.number(),
  /** How an image of another size is resized; `bilinear` by default. */
  resize: z.enum(["bilinear", "nearest"]).optional(),
  /** The grey (0 to 255) behind transparent pixels if the input has no alpha channel; white by default. */
  background: z.int().min(0).max(255).optional(),
  regions: regionValues,
});
export type ImageInput = z.infer<typeof imageInputSchema>;

/** How an instance is encoded as the network's inputs. */
export const inputSchema = z
  .discriminatedUnion("kind", [featuresInputSchema, tensorInputSchema, imageInputSchema])
  .meta({ id: "Input" });
export type Input = z.infer<typeof inputSchema>;
