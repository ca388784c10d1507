import * as z from "zod";
import { certificateSchema } from "./answer.ts";
import { headManifestSchema, modelNameSchema, ruleSchema } from "./manifest.ts";
import { regionSchema } from "./region.ts";

/** Which versions of a model are served; KV `current/{model}`. */
export const modelPointerSchema = z
  .strictObject({
    model: modelNameSchema,
    /** Only grows. A reader ignores a pointer with a lower revision than it has seen. */
    revision: z.int().nonnegative(),
    stable: z.int().positive().nullable(),
    /** The stable version before this one. It answers if this one can't be loaded. */
    previous: z.int().positive().nullable(),
    canary: z.strictObject({ version: z.int().positive(), share: z.number().gt(0).lt(1) }).nullable(),
    /** Region → the version that serves it until its head for the stable version is trained. */
    heldBack: z.record(regionSchema, z.int().positive()),
    /** The certificate of a version's regions together, while it is valid. */
    group: z.strictObject({ base: z.int().positive(), certificate: certificateSchema }).optional(),
  })
  .meta({ id: "ModelPointer" });
export type ModelPointer = z.infer<typeof modelPointerSchema>;

/** The head of a region on a base version, and its live rule; KV `head/{model}/{base}/{region}`. */
export const headPointerSchema = z.strictObject({
  revision: z.int().nonnegative(),
  head: headManifestSchema.nullable(),
  /** The rule adjusted by the region's labels; null while the version's rule applies. */
  rule: ruleSchema.nullable(),
});
export type HeadPointer = z.infer<typeof headPointerSchema>;
