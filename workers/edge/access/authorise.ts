import { sha256HexSync } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { parseId, type QuestionAddress } from "#core/ids.ts";
import {
  bearerOf,
  hasIssuedForm,
  hasScope,
  isUnlimited,
  mayUseAllRegions,
  mayUseModel,
  mayUseRegion,
  type Token,
  tokenWith,
} from "#core/tokens.ts";
import type { Route } from "../call.ts";
import { type Access, issuedToken } from "./issued.ts";

/**
 * Returns the token of a request; null for an anonymous one. Throws the fault where the route, or what its path names, needs
 * another token. What a body names is checked by the handlers.
 */
export async function authorise(
  route: Route,
  access: Access,
  authorization: string | null,
  params: Readonly<Record<string, string>>,
): Promise<Token | null> {
  if (route.scope === "public") return null;
  if (route.scope === "ask" && access.node.isPublic && authorization === null) return null;
  const token = await findHere(access, authorization);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (route.scope !== "any" && !hasScope(token, route.scope)) throw forbidden(`scope '${route.scope}'`);
  if (route.reach === "deployment" && !isUnlimited(token)) throw forbidden("all models and regions");
  if (route.reach === "all-regions" && !mayUseAllRegions(token)) throw forbidden("all regions");
  const { model, region } = namedIn(route, params);
  if (model !== undefined && !mayUseModel(token, model)) throw forbidden(`model '${model}'`);
  if (region !== undefined && !mayUseRegion(token, region)) throw forbidden(`region '${region}'`);
  return token;
}

/** Returns the model and region that a path names, itself or by a question. */
function namedIn({ path }: Route, { model, region, id }: Readonly<Record<string, string>>): Partial<QuestionAddress> {
  if (path.startsWith("/v1/questions/")) {
    const address = parseId(id ?? "");
    return address.ok ? address.value : {};
  }
  return {
    // The verb of TensorFlow Serving is part of the parameter.
    ...(model === undefined ? {} : { model: model.replace(/:\w+$/, "") }),
    ...(region === undefined ? {} : { region }),
  };
}

// A token of the secret needs no object. Text of another form is no issued token, and costs no look at the copy.
async function findHere(access: Access, authorization: string | null): Promise<Token | null> {
  const bearer = bearerOf(authorization);
  if (bearer === null) return null;
  const sha256 = sha256HexSync(bearer);
  const own = tokenWith(access.node.tokens, sha256);
  if (own || !hasIssuedForm(bearer)) return own;
  return issuedToken(access, sha256);
}

function forbidden(needs: string): FaultError {
  return new FaultError({ kind: "forbidden", needs });
}
