import * as z from "zod";
import { rungSchema } from "./answer.ts";
import { certificateStateSchema } from "./certificate-state.ts";
import { modelNameSchema } from "./manifest.ts";
import { nodeRecordSchema } from "./node.ts";
import { modelPointerSchema } from "./pointers.ts";
import { modelSpendingSchema, passedSpendingSchema } from "./spending.ts";
import { tokenLimitsSchema } from "./token.ts";
import { uplinkStateSchema } from "./uplink.ts";

export const ladderRungSchema = z
  .strictObject({
    rung: rungSchema,
    /** Questions that reached this rung, questions that it answered, and questions that it escalated or that are open. */
    asked: z.int(),
    answered: z.int(),
    passed: z.int(),
    /** The share of all questions that it answered; null without questions. */
    share: z.number().nullable(),
    /** Answers whose label is known, and the share of them that were correct. */
    judged: z.int(),
    accuracy: z.number().nullable(),
    /** Latency of its answers, ms. At the edge only waiting counts, since the clock of a Worker stops during computation. */
    p50Ms: z.number().nullable(),
    p99Ms: z.number().nullable(),
    /** Cloudflare's price in US dollars for a million questions that reach this rung, lower rungs included; null without questions. */
    usdPerMillion: z.number().nullable(),
  })
  .meta({ id: "LadderRung" });
/** The figures of one rung of a model since its first question. */
export type LadderRung = z.infer<typeof ladderRungSchema>;

export const modelLadderSchema = z
  .strictObject({
    model: modelNameSchema,
    task: z.enum(["classify", "regress", "tensor"]),
    pointer: modelPointerSchema,
    /** The target error rate of the accept rule; null for a model without a rule. */
    targetRisk: z.number().nullable(),
    requests: z.int(),
    questions: z.int(),
    /**
     * Cloudflare's price in US dollars for a million questions as they came, with their labels; null without questions. Leaves out
     * the origin's host and the price of decision models (`spending`).
     */
    usdPerMillion: z.number().nullable(),
    /** Questions that named a region that the model does not list, so that the parent answered. */
    unlisted: z.int(),
    /** From the edge up. */
    rungs: z.array(ladderRungSchema),
    labels: z.strictObject({ truth: z.int(), human: z.int(), origin: z.int() }),
    /** What the labels of all regions prove together; null for one region, and before the first label. */
    group: certificateStateSchema.nullable(),
    /** What rungs with a price cost in this month; absent without any, and for a token that is limited to regions. */
    spending: modelSpendingSchema.optional(),
    /** Questions without a final answer, and how many of them wait for a person. */
    open: z.int(),
    waiting: z.int(),
    /** Regions whose circuit breaker for the next rung is open, and regions that have not reported: 100 of each by name. */
    breakersOpen: z.array(z.string()),
    unanswered: z.array(z.string()),
    /** How many regions have reported, and when the last report came, ms since 1970. Reports come some seconds after a change. */
    regions: z.int().optional(),
    asOf: z.int().nullable().optional(),
  })
  .meta({ id: "ModelLadder" });
/** A model's rungs and their figures. */
export type ModelLadder = z.infer<typeof modelLadderSchema>;

export const ladderSchema = z
  .strictObject({
    node: z.string(),
    /** ms since 1970. */
    at: z.int(),
    /** Whether the rung above the region responds; null if there is none. */
    nextRung: z.strictObject({ up: z.boolean(), ms: z.int(), reason: z.string().nullable() }).nullable(),
    /** A node's connection to the rung above; absent on an edge. */
    uplink: uplinkStateSchema.optional(),
    models: z.array(modelLadderSchema),
    /** What passing decisions on costs in this month; absent without a budget for it, and for a token limited to some models. */
    passed: passedSpendingSchema.optional(),
    /** The nodes under this rung; absent without any, and for a token limited to some models or regions. */
    nodes: z.array(nodeRecordSchema).optional(),
  })
  .meta({ id: "Ladder" });
/** The state of the whole ladder at one moment. */
export type Ladder = z.infer<typeof ladderSchema>;

export const tokenStateSchema = z
  .strictObject({
    id: z.string(),
    scopes: z.array(z.string()),
    models: z.array(z.string()),
    regions: z.array(z.string()),
    /** What it may use at most, its defaults included; null where nothing limits it. */
    limits: tokenLimitsSchema.required().nullable(),
    /** Whether its labels are taken without the limits for labels of strangers. */
    trusted: z.boolean(),
    node: z.string(),
  })
  .meta({ id: "TokenState" });
/** The permissions and limits of a token. */
export type TokenState = z.infer<typeof tokenStateSchema>;
