import { modelNameSchema, type Problem } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { hasScope, isTrusted, mayUseModel, mayUseRegion, type Scope, type Token } from "#core/tokens.ts";
import type { TraceSpan } from "#core/trace-context.ts";
import type { Contract } from "./contract.ts";
import type { EdgeNode } from "./node.ts";

/** A request that the edge handles. */
export interface Call {
  request: Request;
  env: Env;
  node: EdgeNode;
  /** The caller's token; null for a public request. */
  token: Token | null;
  /** This request's part of its trace. */
  span: TraceSpan;
  params: Record<string, string>;
  query: (name: string) => string | null;
  /** All values of a query parameter that may be repeated. */
  queries: (name: string) => string[];
  /** Continues `work` after the response. */
  later: (work: Promise<unknown>) => void;
}

/** A route of the edge: its path, the scope it needs and its handler. */
export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  /** `public` needs no token; `any` needs a token with any scope; `ask` needs none where PUBLIC_ASK is on. */
  scope: Scope | "public" | "any";
  /** The name of the operation in problem documents and the OpenAPI document. */
  operation: string;
  contract: Contract;
  /** Builds the response for a refusal, where that is not a problem document. */
  refuse?: (problem: Problem) => Response;
  handle: (call: Call) => Promise<Response> | Response;
}

const publicOwner = "public";

/** Returns the owner id that is stored with questions. */
export function ownerOf({ token }: Call): string {
  return token?.id ?? publicOwner;
}

/** Returns the owner whose questions the caller may read; null for an admin, who may read all. */
export function readerOf(call: Call): string | null {
  return isAdmin(call) ? null : ownerOf(call);
}

export function isAdmin({ token }: Call): boolean {
  return token?.scopes.includes("admin") ?? false;
}

/** Tells whether labels that the caller gives are trusted. A caller without a token gives none. */
export function isTrustedCaller({ token }: Call): boolean {
  return !token || isTrusted(token) || !hasScope(token, "teach");
}

/** Throws unless the call's token has the scope. */
export function requireScope({ token }: Call, scope: Scope): void {
  if (!token || !hasScope(token, scope)) throw new FaultError({ kind: "forbidden", needs: `scope '${scope}'` });
}

/** Throws unless the name is a valid model name and the call's token may use the model. */
export function requireModel({ token }: Call, model: string): void {
  if (!modelNameSchema.safeParse(model).success) throw unknownModel(model);
  if (token && !mayUseModel(token, model)) throw new FaultError({ kind: "forbidden", needs: `model '${model}'` });
}

/** Returns the model in the call's path. Throws unless the call may use it. */
export function modelOf(call: Call): string {
  const model = call.params.model as string;
  requireModel(call, model);
  return model;
}

/** Returns the fault for a model that is not published. */
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
