import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import {
  bearerOf,
  hasIssuedForm,
  hasScope,
  isUnlimited,
  mayUseAllRegions,
  type Token,
  tokenWith,
} from "#core/tokens.ts";
import type { Route } from "../call.ts";
import { type Access, issuedToken } from "./issued.ts";

/** Returns the token of a request; null for an anonymous one. Throws the fault where the route needs another token. */
export async function authorise(route: Route, access: Access, authorization: string | null): Promise<Token | null> {
  if (route.scope === "public") return null;
  if (route.scope === "ask" && access.node.isPublic && authorization === null) return null;
  const token = await findHere(access, authorization);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (route.scope !== "any" && !hasScope(token, route.scope)) throw forbidden(`scope '${route.scope}'`);
  if (route.reach === "deployment" && !isUnlimited(token)) throw forbidden("all models and regions");
  if (route.reach === "all-regions" && !mayUseAllRegions(token)) throw forbidden("all regions");
  return token;
}

// A token of the secret needs no object. Text of another form is no issued token, and costs no look at the copy.
async function findHere(access: Access, authorization: string | null): Promise<Token | null> {
  const bearer = bearerOf(authorization);
  if (bearer === null) return null;
  const sha256 = await sha256Hex(bearer);
  const own = tokenWith(access.node.tokens, sha256);
  if (own || !hasIssuedForm(bearer)) return own;
  return issuedToken(access, sha256);
}

function forbidden(needs: string): FaultError {
  return new FaultError({ kind: "forbidden", needs });
}
