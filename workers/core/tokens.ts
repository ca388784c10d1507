import * as z from "zod";
import { sha256Schema } from "./contract/index.ts";
import { equalConstantTime, sha256Hex } from "./hash.ts";

/** What tokens may be allowed to do. `rung`: what only a rung below may say of a hop, such as its deadline and `via`. */
export const scopes = ["ask", "rung", "teach", "review", "metrics", "publish", "pass", "admin"] as const;
export type Scope = (typeof scopes)[number];

const any = "*";

/**
 * What a token may use at most; what is absent has its default (`core/limits`). `questionsPerMinute` holds in each location,
 * `openQuestions` in each region, `reviewQuestions` over all regions of a model.
 */
export const tokenLimitsSchema = z.strictObject({
  questionsPerMinute: z.int().positive().optional(),
  openQuestions: z.int().positive().optional(),
  reviewQuestions: z.int().positive().optional(),
});
export type TokenLimits = z.infer<typeof tokenLimitsSchema>;

/** A stored bearer token: its hash, scopes, models, regions and limits. `*` stands for every model or region. */
export const tokenSchema = z.strictObject({
  id: z.string().min(1),
  sha256: sha256Schema,
  scopes: z.array(z.enum(scopes)),
  models: z.array(z.string()).default([any]),
  regions: z.array(z.string()).default([any]),
  limits: tokenLimitsSchema.optional(),
  /** Whether its labels are taken without the bounds for labels of strangers; true unless given. */
  trusted: z.boolean().optional(),
});
export type Token = z.infer<typeof tokenSchema>;

/** Parses the deployment's tokens. Throws an error that names the option if they are invalid. */
export function parseTokens(option: string, json: string): Token[] {
  try {
    return z.array(tokenSchema).parse(JSON.parse(json));
  } catch {
    // The parser's message may quote the secret.
    throw new Error(
      `${option} must be a JSON array of {id, sha256, scopes, models?, regions?, limits?, trusted?}; see .dev.vars.example`,
    );
  }
}

/** Finds the token of an `Authorization` header, or null. Compares every known hash in constant time. */
export async function findToken(tokens: readonly Token[], authorization: string | null): Promise<Token | null> {
  const bearer = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1];
  if (bearer === undefined) return null;
  const sha256 = await sha256Hex(bearer);
  return tokens.reduce<Token | null>((found, token) => (equalConstantTime(token.sha256, sha256) ? token : found), null);
}

/** Tells whether a token has a scope. `admin` has all scopes. */
export function hasScope(token: Token, scope: Scope): boolean {
  return token.scopes.includes(scope) || token.scopes.includes("admin");
}

/** Tells whether a token's labels are trusted. */
export function isTrusted(token: Token): boolean {
  return token.trusted ?? true;
}

/** Tells whether a token may use a model. */
export function mayUseModel(token: Token, model: string): boolean {
  return token.models.includes(any) || token.models.includes(model);
}

/** Tells whether a token may use a region. */
export function mayUseRegion(token: Token, region: string): boolean {
  return token.regions.includes(any) || token.regions.includes(region);
}
