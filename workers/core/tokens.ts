import * as z from "zod";
import { toBase64 } from "./bytes.ts";
import { anyName, type Scope, scopes, sha256Schema, tokenLimitsSchema } from "./contract/index.ts";
import { equalConstantTime, sha256Hex } from "./hash.ts";

export { type Scope, scopes, type TokenLimits, tokenLimitsSchema } from "./contract/index.ts";

/** A stored bearer token: its hash, scopes, models, regions and limits. `*` stands for every model or region. */
export const tokenSchema = z.strictObject({
  id: z.string().min(1),
  sha256: sha256Schema,
  scopes: z.array(z.enum(scopes)),
  models: z.array(z.string()).default([anyName]),
  regions: z.array(z.string()).default([anyName]),
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

/** Reads the bearer token of an `Authorization` header; null where it has none. */
export function bearerOf(authorization: string | null): string | null {
  return /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? "")?.[1] ?? null;
}

/** Finds the token of an `Authorization` header, or null. Compares every known hash in constant time. */
export async function findToken(tokens: readonly Token[], authorization: string | null): Promise<Token | null> {
  const bearer = bearerOf(authorization);
  return bearer === null ? null : tokenWith(tokens, await sha256Hex(bearer));
}

/** Finds the token with a hash, or null. Compares every known hash in constant time. */
export function tokenWith(tokens: readonly Token[], sha256: string): Token | null {
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
  return token.models.includes(anyName) || token.models.includes(model);
}

/** Tells whether a token may use a region. */
export function mayUseRegion(token: Token, region: string): boolean {
  return token.regions.includes(anyName) || token.regions.includes(region);
}

/** Tells whether a token may use every region of the models that it may use. */
export function mayUseAllRegions(token: Token): boolean {
  return token.regions.includes(anyName);
}

/** Tells whether a token is limited neither to models nor to regions. */
export function isUnlimited(token: Token): boolean {
  return token.models.includes(anyName) && mayUseAllRegions(token);
}

const issuedSecretBytes = 32;
const issuedForm = /^up_[\w.@-]{1,64}_[\w-]{43}$/;

/** Makes the secret of an issued token: 256 random bits. The id in it tells what a leaked token is for. */
export function makeTokenSecret(id: string): string {
  const random = toBase64(crypto.getRandomValues(new Uint8Array(issuedSecretBytes)));
  return `up_${id}_${random.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/** Tells whether text has the form of an issued token's secret: any other is none, without a look at a store. */
export function hasIssuedForm(bearer: string): boolean {
  return issuedForm.test(bearer);
}
