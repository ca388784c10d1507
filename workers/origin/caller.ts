import type { Context } from "hono";
import { modelNameSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import {
  findToken,
  hasScope,
  mayUseAllRegions,
  mayUseModel,
  mayUseRegion,
  type Scope,
  type Token,
} from "#core/tokens.ts";

/** Returns the model in a request's path and the caller's token. Throws when the token lacks the scope or the model. */
export async function modelFor(tokens: readonly Token[], context: Context, scope: Scope): Promise<[string, Token]> {
  const model = context.req.param("model") as string;
  const token = await findToken(tokens, context.req.header("authorization") ?? null);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (!hasScope(token, scope)) throw new FaultError({ kind: "forbidden", needs: `scope '${scope}'` });
  if (!modelNameSchema.safeParse(model).success) {
    throw new FaultError({
      kind: "not-found",
      what: `model '${model.slice(0, 100)}'`,
      next: "GET /v1/models of the edge lists the models.",
    });
  }
  if (!mayUseModel(token, model)) throw new FaultError({ kind: "forbidden", needs: `model '${model}'` });
  return [model, token];
}

/** Throws unless the token may use every region: a training and its report are about all of them. */
export function requireAllRegions(token: Token): void {
  if (!mayUseAllRegions(token)) throw new FaultError({ kind: "forbidden", needs: "all regions" });
}

/** Throws unless the token may use each of the regions. */
export function requireRegions(token: Token, regions: Iterable<string>): void {
  for (const region of regions) {
    if (!mayUseRegion(token, region)) throw new FaultError({ kind: "forbidden", needs: `region '${region}'` });
  }
}
