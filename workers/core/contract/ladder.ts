import * as z from "zod";
import { rungSchema } from "./answer.ts";
import { modelNameSchema } from "./manifest.ts";
import { modelPointerSchema } from "./pointers.ts";

export const ladderRungSchema = z
  .strictObject({
    rung: rungSchema,
    /** Questions that got as far as this rung, those that it answered, and those that it handed on or that are open. */
    asked: z.int(),
    answered: z.int(),
    passed: z.int(),
    /** The share of all questions that it answered; null where none was asked. */
    share: z.number().nullable(),
    /** Of its answers those whose label came to be known, and the share of these that were right. */
    judged: z.int(),
    accuracy: z.number().nullable(),
    /** How long its answers took, ms; at the edge only what it waited for: its clock stands still while it works. */
    p50Ms: z.number().nullable(),
    p99Ms: z.number().nullable(),
    /** Dollars that Cloudflare takes for a million questions which get this far, the rungs below included; null for none. */
    usdPerMillion: z.number().nullable(),
  })
  .meta({ id: "LadderRung" });
/** What a rung did for a model, since it was first asked. */
export type LadderRung = z.infer<typeof ladderRungSchema>;

export const modelLadderSchema = z
  .strictObject({
    model: modelNameSchema,
    task: z.enum(["classify", "tensor"]),
    pointer: modelPointerSchema,
    /** The error that the accept rule aims at; null where nothing is accepted. */
    targetRisk: z.number().nullable(),
    requests: z.int(),
    questions: z.int(),
    /** Bottom to top. */
    rungs: z.array(ladderRungSchema),
    labels: z.strictObject({ truth: z.int(), human: z.int(), origin: z.int() }),
    /** Questions without an answer, and of them those that wait for a person. */
    open: z.int(),
    waiting: z.int(),
    /** Regions whose calls of the next rung are held back, because it failed, and regions whose object did not answer. */
    breakersOpen: z.array(z.string()),
    unanswered: z.array(z.string()),
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
