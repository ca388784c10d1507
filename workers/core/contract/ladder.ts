import * as z from "zod";
import { rungSchema } from "./answer.ts";
import { regionCountsSchema } from "./counts.ts";
import { modelNameSchema } from "./manifest.ts";
import { modelPointerSchema } from "./pointers.ts";

export const costSchema = z.strictObject({
  rung: rungSchema,
  /** Dollars that Cloudflare takes for a million questions which get as far as this rung; null where none has. */
  usdPerMillion: z.number().nullable(),
});
/** What a rung costs; an origin's own host is not in it. */
export type Cost = z.infer<typeof costSchema>;

export const modelLadderSchema = z
  .strictObject({
    model: modelNameSchema,
    task: z.enum(["classify", "tensor"]),
    pointer: modelPointerSchema,
    /** The rungs of the stable version, and the error that its rule aims at; null where nothing is accepted. */
    ladder: z.array(rungSchema),
    targetRisk: z.number().nullable(),
    counts: z.array(regionCountsSchema),
    /** Questions without an answer, by region, and whether its calls of the next rung go through. */
    regions: z.array(z.strictObject({ region: z.string(), open: z.int(), breaker: z.enum(["closed", "open"]) })),
    /** Regions whose object did not answer: their counts are missing. */
    unanswered: z.array(z.string()),
    /** Questions that wait for a person. */
    waiting: z.int(),
    costs: z.array(costSchema),
  })
  .meta({ id: "ModelLadder" });
/** A model's rungs, and what they did. */
export type ModelLadder = z.infer<typeof modelLadderSchema>;

export const ladderSchema = z
  .strictObject({
    node: z.string(),
    /** ms since 1970. */
    at: z.int(),
    /** Whether the rung above the region answers just now; null where there is none. */
    nextRung: z.strictObject({ up: z.boolean(), ms: z.int(), reason: z.string().nullable() }).nullable(),
    models: z.array(modelLadderSchema),
  })
  .meta({ id: "Ladder" });
/** The whole ladder as it is at a moment. */
export type Ladder = z.infer<typeof ladderSchema>;

export const tokenStateSchema = z
  .strictObject({
    id: z.string(),
    scopes: z.array(z.string()),
    models: z.array(z.string()),
    regions: z.array(z.string()),
    node: z.string(),
  })
  .meta({ id: "TokenState" });
/** What a token may do. */
export type TokenState = z.infer<typeof tokenStateSchema>;
