import * as z from "zod";

export const regionMaxChars = 64;

/** The key of a region: the group of callers that share a head. */
export const regionSchema = z
  .string()
  .min(1)
  .max(regionMaxChars)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u, "letters, digits, space, '.', '_' and '-'");

/** How a model finds the region of a question. An unlisted key maps to `parent`. */
export const regionsSchema = z.strictObject({
  from: z.enum(["cf", "header", "field"]),
  /** The name of the header or instance field; unused with `cf`. */
  name: z.string().min(1).optional(),
  keys: z.array(regionSchema).min(1),
  parent: regionSchema,
});
export type Regions = z.infer<typeof regionsSchema>;

/** Durable Object location hints: the possible regions with `from: "cf"`. */
export const locationHints = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type LocationHint = (typeof locationHints)[number];
