import * as z from "zod";
import { headManifestSchema, modelNameSchema, ruleSchema } from "./manifest.ts";
import { regionSchema } from "./region.ts";

/** Which versions of a model are served; KV `current/{model}`. */
export const modelPointerSchema = z
  .strictObject({
    model: modelNameSchema,
    /** Only ever grows; a reader never goes back to a lower one. */
    revision: z.int().nonnegative(),
    stable: z.int().positive().nullable(),
    /** The stable version before this one: it answers where this one can't be loaded. */
    previous: z.int().positive().nullable(),
    canary: z.strictObject({ version: z.int().positive(), share: z.number().gt(0).lt(1) }).nullable(),
    /** The version that serves a region that has not prepared itself for a newer one, by region. */
    heldBack: z.record(regionSchema, z.int().positive()),
  })
  .meta({ id: "ModelPointer" });
export type ModelPointer = z.infer<typeof modelPointerSchema>;

/** Which head a region has on a base version, and its live rule; KV `head/{model}/{base}/{region}`. */
export const headPointerSchema = z.strictObject({
  revision: z.int().nonnegative(),
  head: headManifestSchema.nullable(),
  /** The rule that the region's own labels have moved; null where the version's rule holds still. */
  rule: ruleSchema.nullable(),
});
export type HeadPointer = z.infer<typeof headPointerSchema>;
