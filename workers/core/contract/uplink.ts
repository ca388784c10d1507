import * as z from "zod";
import { modelNameSchema } from "./manifest.ts";
import { shareSchema } from "./node.ts";
import { regionSchema } from "./region.ts";

export const uplinkStateSchema = z
  .strictObject({
    /** The URL of the rung above; empty without one. */
    above: z.string(),
    /**
     * `connected`: the rung above replied the last time; `cut`: it did not; `revoked`: it does not take the node's token, so that
     * the node serves what it has; `starting`: it was not asked yet.
     */
    state: z.enum(["starting", "connected", "cut", "revoked"]),
    /** When the state began, and when the rung above last replied, ms since 1970; null: never since the start. */
    since: z.int(),
    heardAt: z.int().nullable(),
    /** Why the rung above can't be used; null while it can. */
    reason: z.string().nullable(),
    /** What the node has of the models above. */
    models: z.array(
      z.strictObject({
        model: modelNameSchema,
        /** The version that was taken last; null before the first. */
        version: z.int().nullable(),
        /** The highest revision of the pointer above that was seen. */
        revision: z.int(),
        /** Why what the rung above serves now was not taken; null where it was. */
        fault: z.string().nullable(),
      }),
    ),
    /** What it may send up, and how many questions and changes of samples waited for that when it last looked. */
    share: shareSchema.optional(),
    backlog: z.int().nonnegative().optional(),
    /** The sums that are above, by region here. */
    contributions: z
      .array(
        z.strictObject({
          model: modelNameSchema,
          region: regionSchema,
          labels: z.number(),
          /** When they were sent, ms since 1970; 0 where they were not yet. */
          at: z.int(),
          /** Why the rung above did not take them; null where it did. */
          fault: z.string().nullable(),
        }),
      )
      .optional(),
  })
  .meta({ id: "UplinkState" });
/** A node's connection to the rung above, and what it has taken from there. */
export type UplinkState = z.infer<typeof uplinkStateSchema>;
