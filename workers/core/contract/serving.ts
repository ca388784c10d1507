import * as z from "zod";
import { certificateSchema } from "./answer.ts";
import { modelNameSchema } from "./manifest.ts";
import { headPointerSchema } from "./pointers.ts";
import { regionSchema } from "./region.ts";
import { sha256Schema } from "./sha256.ts";

const keysSchema = z.record(z.string(), z.string());

export const servingSchema = z
  .strictObject({
    model: modelNameSchema,
    region: regionSchema,
    version: z.int().positive(),
    /** Of the model's pointer; it only grows. */
    revision: z.int().nonnegative(),
    /** The backbone that this rung runs. Heads, live rules and the group's certificate are of it alone. */
    backbone: sha256Schema,
    /** The region's own head and live rule. */
    own: headPointerSchema,
    /** Those of the parent, which a region that the model does not list has until it has a head; null for another. */
    parent: z.strictObject({ region: regionSchema, pointer: headPointerSchema }).nullable(),
    group: certificateSchema.nullable(),
    /** The public keys that verify manifests, and heads. */
    publishKeys: keysSchema,
    deploymentKeys: keysSchema,
  })
  .meta({ id: "Serving" });
/** What serves a region: a device below runs the same. */
export type Serving = z.infer<typeof servingSchema>;
