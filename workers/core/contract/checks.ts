import * as z from "zod";

export const findingSchema = z.strictObject({
  /** What was looked at: `artefacts`, `keys`, `next rung`, `storefront: blobs`. */
  check: z.string(),
  isSound: z.boolean(),
  found: z.string(),
  /** How to mend it; null where nothing is to be mended. */
  remedy: z.string().nullable(),
});
/** What a look at one part of a deployment found. */
export type Finding = z.infer<typeof findingSchema>;

export const checksSchema = z
  .strictObject({
    node: z.string(),
    /** The edge's clock, ms since 1970. */
    at: z.int(),
    findings: z.array(findingSchema),
  })
  .meta({ id: "Checks" });
/** What a deployment found of itself. */
export type Checks = z.infer<typeof checksSchema>;
