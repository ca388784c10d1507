import * as z from "zod";

const columnName = z.string().min(1).max(128);

/** A number, standardised as (value − mean) / deviation; a missing one takes `missing` (default: the mean). */
const numberColumn = z.strictObject({
  type: z.literal("number"),
  name: columnName,
  mean: z.number(),
  deviation: z.number().positive(),
  missing: z.number().optional(),
});

/** A periodic number (day of the year, hour), encoded as sine and cosine; a missing one is (0, 0). */
const cycleColumn = z.strictObject({
  type: z.literal("cycle"),
  name: columnName,
  period: z.number().positive(),
});

/** One of a list of values, encoded one-hot or as a row of `vectors`; a missing one is zeros, or `missing`. */
const categoryColumn = z
  .strictObject({
    type: z.literal("category"),
    name: columnName,
    values: z.array(z.string()).min(1),
    vectors: z.array(z.array(z.number()).min(1)).optional(),
    missing: z.array(z.number()).optional(),
  })
  .refine((c) => !c.vectors || c.vectors.length === c.values.length, "vectors must have one vector for each value.");

/** The question's region as a one-hot column; an unlisted region is zeros. */
const regionColumn = z.strictObject({ type: z.literal("region"), values: z.array(z.string()).min(1) });

export const columnSchema = z.discriminatedUnion("type", [numberColumn, cycleColumn, categoryColumn, regionColumn]);
export type Column = z.infer<typeof columnSchema>;

export const featuresInputSchema = z.strictObject({
  kind: z.literal("features"),
  columns: z.array(columnSchema).min(1),
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
