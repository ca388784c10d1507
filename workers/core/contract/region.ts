import * as z from "zod";

export const regionMaxChars = 64;

/** A region's key: what groups the askers that share a head. */
export const regionSchema = z
  .string()
  .min(1)
  .max(regionMaxChars)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u, "letters, digits, space, '.', '_' and '-'");

/** Where a model takes a question's region from. An unlisted key falls to `parent`. */
export const regionsSchema = z.strictObject({
  from: z.enum(["cf", "header", "field"]),
  /** The header's or the instance field's name; unused with `cf`. */
  name: z.string().min(1).optional(),
  keys: z.array(regionSchema).min(1),
  parent: regionSchema,
});
export type Regions = z.infer<typeof regionsSchema>;

/** Durable Object location hints: the regions that `from: "cf"` gives. */
export const locationHints = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type LocationHint = (typeof locationHints)[number];
