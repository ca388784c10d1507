import * as z from "zod";

export const regionMaxChars = 64;

/** The key of a region: the group of callers that share a head. */
export const regionSchema = z
  .string()
  .min(1)
  .max(regionMaxChars)
  // A URL cannot name '.' or '..', and an object cannot have a key '__proto__'.
  .regex(
    /^(?!\s|\.{1,2}$|__proto__$)[^\p{Cc}\p{Cs}]+(?<!\s)$/u,
    "text without control characters, and without spaces at its ends",
  );

/** How a model finds the region of a question. An unlisted key maps to `parent`, or opens a new region. */
export const regionsSchema = z.strictObject({
  from: z.enum(["cf", "header", "field"]),
  /** The name of the header or instance field; unused with `cf`. */
  name: z.string().min(1).optional(),
  keys: z.array(regionSchema).min(1),
  parent: regionSchema,
  /** Whether an unlisted key opens a region of its own, with the parent's head; limited for each token and day. */
  open: z.strictObject({ perTokenPerDay: z.int().positive() }).optional(),
});
export type Regions = z.infer<typeof regionsSchema>;

/** Durable Object location hints: the possible regions with `from: "cf"`. */
export const locationHints = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type LocationHint = (typeof locationHints)[number];
