import * as z from "zod";

export const findingSchema = z.strictObject({
  /** The name of the check, such as `artefacts`, `keys`, `next rung` or `storefront: blobs`. */
  check: z.string(),
  isSound: z.boolean(),
  found: z.string(),
  /** How to fix it; null if the check passed. */
  remedy: z.string().nullable(),
});
/** The result of one check of a deployment. */
export type Finding = z.infer<typeof findingSchema>;

export const checksSchema = z
  .strictObject({
    node: z.string(),
    /** The edge's clock, ms since 1970. */
    at: z.int(),
    findings: z.array(findingSchema),
  })
  .meta({ id: "Checks" });
/** The results of all checks of a deployment. */
export type Checks = z.infer<typeof checksSchema>;
