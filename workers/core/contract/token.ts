import * as z from "zod";
import { modelNameSchema } from "./manifest.ts";
import { regionSchema } from "./region.ts";

/**
 * What tokens may be allowed to do. `rung`: what only a rung below may say of a hop, such as its deadline and `via`;
 * `contribute`: to send sums over labels of its own, without instances.
 */
export const scopes = ["ask", "rung", "teach", "contribute", "review", "metrics", "publish", "pass", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** Stands for every model or region in a token. */
export const anyName = "*";

/** Tokens that a deployment may have at a time, besides those in its secret: each isolate of the edge holds a copy. */
export const activeTokensMax = 10_000;
/** Models, and regions, that one token may be limited to. */
const tokenNamesMax = 100;
/** How long the old secret of a rotated token stays valid, unless the rotation says otherwise. */
export const rotationDefaultHours = 24;
const rotationMaxHours = 30 * 24;

/**
 * What a token may use at most; what is absent has its default (`core/limits`). `questionsPerMinute` holds in each location,
 * `openQuestions` in each region, `reviewQuestions` over all regions of a model; `contributionLabels` in each contribution.
 */
export const tokenLimitsSchema = z.strictObject({
  questionsPerMinute: z.int().positive().optional(),
  openQuestions: z.int().positive().optional(),
  reviewQuestions: z.int().positive().optional(),
  contributionLabels: z.int().positive().optional(),
});
export type TokenLimits = z.infer<typeof tokenLimitsSchema>;

/** Only characters that nothing adds to an owner: "/" separates a reviewer from the token. */
export const tokenIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][\w.@-]{0,63}$/, "1 to 64 letters, digits, '-', '_', '.' or '@', the first a letter or a digit")
  .refine((id) => id !== "public", "another id: 'public' is the owner of anonymous questions");

const namesOf = <T extends z.ZodType<string>>(name: T) =>
  z
    .array(z.union([z.literal(anyName), name]))
    .min(1)
    .max(tokenNamesMax);

const fields = {
  scopes: z.array(z.enum(scopes)).min(1),
  /** The models and regions that it may use; `*` is all. */
  models: namesOf(modelNameSchema),
  regions: namesOf(regionSchema),
  limits: tokenLimitsSchema,
  /** Whether its labels are taken without the bounds for labels of strangers. */
  trusted: z.boolean(),
  /** ms since 1970; null for never. */
  expiresAt: z.int().positive().nullable(),
};

export const newTokenSchema = z
  .strictObject({
    id: tokenIdSchema,
    scopes: fields.scopes,
    models: fields.models.default([anyName]),
    regions: fields.regions.default([anyName]),
    limits: fields.limits.default({}),
    trusted: fields.trusted.default(false),
    expiresAt: fields.expiresAt.default(null),
  })
  .meta({ id: "TokenOrder" });
/** A token to create, with its defaults. Questions record its id as their owner. */
export type NewToken = z.infer<typeof newTokenSchema>;
/** A token to create, as a caller describes it. */
export type TokenOrder = z.input<typeof newTokenSchema>;

export const tokenChangeSchema = z.strictObject(fields).partial().meta({ id: "TokenChange" });
/** What to change of a token; what is absent stays. */
export type TokenChange = z.infer<typeof tokenChangeSchema>;

export const rotationSchema = z
  .strictObject({
    /** How long the old secret stays valid, in hours; 0 ends it at once. */
    oldValidHours: z.number().nonnegative().max(rotationMaxHours).default(rotationDefaultHours),
  })
  .meta({ id: "Rotation" });

export const tokenRecordSchema = z
  .strictObject({
    id: z.string(),
    ...{ scopes: z.array(z.enum(scopes)), models: z.array(z.string()), regions: z.array(z.string()) },
    ...{ limits: fields.limits, trusted: fields.trusted },
    createdAt: z.int(),
    expiresAt: z.int().nullable(),
    /** The hour of its last use, ms since 1970; null before the first. It is written in batches, minutes later. */
    lastUsedAt: z.int().nullable(),
    revokedAt: z.int().nullable(),
    /** When its newest secret was made, and until when the one before is valid; null where it is not. */
    rotatedAt: z.int(),
    oldValidUntil: z.int().nullable(),
  })
  .meta({ id: "TokenRecord" });
/** A token as the deployment knows it: without its secrets and their hashes. */
export type TokenRecord = z.infer<typeof tokenRecordSchema>;

export const tokensPageMaxRows = 1_000;

export const tokensSchema = z
  .strictObject({
    tokens: z.array(tokenRecordSchema),
    /** The id after which the next page starts; null on the last page. */
    next: z.string().nullable(),
  })
  .meta({ id: "Tokens" });
/** A page of the deployment's tokens, by id; revoked ones stay listed. */
export type Tokens = z.infer<typeof tokensSchema>;

export const issuedTokenSchema = z
  .strictObject({
    /** The secret: it is shown only here. */
    token: z.string(),
    record: tokenRecordSchema,
  })
  .meta({ id: "IssuedToken" });
/** A new or rotated token with its secret. */
export type IssuedToken = z.infer<typeof issuedTokenSchema>;
