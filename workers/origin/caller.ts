import type { Context } from "hono";
import { FaultError } from "#core/http/fault.ts";
import { findToken, hasScope, mayUseModel, type Scope, type Token } from "#core/tokens.ts";

/** Returns the model in a request's path and the caller's token. Throws when the token lacks the scope or the model. */
export async function modelFor(tokens: readonly Token[], context: Context, scope: Scope): Promise<[string, Token]> {
  const model = context.req.param("model") as string;
  const token = await findToken(tokens, context.req.header("authorization") ?? null);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (!hasScope(token, scope)) throw new FaultError({ kind: "forbidden", needs: `scope '${scope}'` });
  if (!mayUseModel(token, model)) throw new FaultError({ kind: "forbidden", needs: `model '${model}'` });
  return [model, token];
}
