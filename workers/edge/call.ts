import { modelNameSchema, type Problem } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { hasScope, mayUseModel, mayUseRegion, type Scope, type Token } from "#core/tokens.ts";
import type { Span } from "#core/trace-context.ts";
import type { Contract } from "./contract.ts";
import type { Node } from "./node.ts";

/** One request on its way through the edge. */
export interface Call {
  request: Request;
  env: Env;
  node: Node;
  /** The token that asks; null where the public may. */
  token: Token | null;
  /** This request's part of its trace. */
  span: Span;
  params: Record<string, string>;
  query: (name: string) => string | null;
  /** Goes on after the response. */
  later: (work: Promise<unknown>) => void;
}

/** A route of the edge: who may use it, and what it does. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  /** `public` needs no token, `any` a token of whatever scopes; `ask` none either where PUBLIC_ASK is on. */
  scope: Scope | "public" | "any";
  /** What it does, as problem documents and the OpenAPI document name it. */
  operation: string;
  contract: Contract;
  /** How it says what it refuses, where that is not by a problem document. */
  refuse?: (problem: Problem) => Response;
  handle: (call: Call) => Promise<Response> | Response;
}

const publicOwner = "public";

/** The id that questions keep as their asker's. */
export function ownerOf({ token }: Call): string {
  return token?.id ?? publicOwner;
}

/** The asker whose questions may be read; null for an admin, who may read all. */
export function readerOf(call: Call): string | null {
  return isAdmin(call) ? null : ownerOf(call);
}

export function isAdmin({ token }: Call): boolean {
  return token?.scopes.includes("admin") ?? false;
}

/** Throws unless the call's token has the scope. */
export function requireScope({ token }: Call, scope: Scope): void {
  if (!token || !hasScope(token, scope)) throw new FaultError({ kind: "forbidden", needs: `scope '${scope}'` });
}

/** Throws unless the name is one that a model can have, and the call's token may use it. */
export function requireModel({ token }: Call, model: string): void {
  if (!modelNameSchema.safeParse(model).success) throw unknownModel(model);
  if (token && !mayUseModel(token, model)) throw new FaultError({ kind: "forbidden", needs: `model '${model}'` });
}

/** The model that a call's path names, once the call may use it. */
export function modelOf(call: Call): string {
  const model = call.params.model as string;
  requireModel(call, model);
  return model;
}

/** The fault for a model that nobody published. */
export function unknownModel(model: string): FaultError {
  return new FaultError({
    kind: "not-found",
    what: `model '${model}'`,
    next: "GET /v1/models lists the models; 'npx upriver publish' adds one.",
  });
}

/** Throws unless the call's token may use the region. */
export function requireRegion({ token }: Call, region: string): void {
  if (token && !mayUseRegion(token, region)) throw new FaultError({ kind: "forbidden", needs: `region '${region}'` });
}

export function jsonResponse(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}
