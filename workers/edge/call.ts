import { type ModelPointer, modelNameSchema, type Problem } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import {
  hasScope,
  isTrusted,
  mayUseAllRegions,
  mayUseModel,
  mayUseRegion,
  type Scope,
  type Token,
} from "#core/tokens.ts";
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
  /** What the audit log says of the call, where the handler knows it better than the path. */
  noted: Partial<Record<"model" | "region" | "target", string | null>>;
  /** Continues `work` after the response. */
  later: (work: Promise<unknown>) => void;
}

/** What every route declares. */
interface RouteBase {
  path: string;
  /** `public` needs no token; `any` needs a token with any scope; `ask` needs none where PUBLIC_ASK is on. */
  scope: Scope | "public" | "any";
  /**
   * What the route sees or changes beyond what its path names. `all-regions`: every region of the model; `deployment`: every
   * model and region. A token that is limited to fewer is refused.
   */
  reach?: "all-regions" | "deployment";
  /** The name of the operation in problem documents, the OpenAPI document and the audit log. */
  operation: string;
  contract: Contract;
  /** Builds the response for a refusal, where that is not a problem document. */
  refuse?: (problem: Problem) => Response;
  handle: (call: Call) => Promise<Response> | Response;
}

/** A route that only reads. */
interface ReadingRoute extends RouteBase {
  method: "GET";
  audit?: never;
}

/** A route that changes something, and says whether that is an administrative act. */
interface ChangingRoute extends RouteBase {
  method: "POST" | "PUT" | "DELETE";
  /** Whether the audit log records it: `always`; where an `admin` does it, else it is a caller's own; or `never`. */
  audit: "always" | "admin" | "never";
}

/** A route of the edge: its path, who may use it, and its handler. */
export type Route = ReadingRoute | ChangingRoute;

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

/** Throws unless the call's token may use every region. */
export function requireAllRegions({ token }: Call): void {
  if (token && !mayUseAllRegions(token)) throw new FaultError({ kind: "forbidden", needs: "all regions" });
}

/** Returns the names among `regions` that the call's token may use. */
export function ownRegions({ token }: Pick<Call, "token">, regions: readonly string[]): string[] {
  return regions.filter((region) => token === null || mayUseRegion(token, region));
}

/** Returns the regions that the call's token is limited to; null for all. */
export function limitedRegions({ token }: Pick<Call, "token">): string[] | null {
  return token && !mayUseAllRegions(token) ? token.regions : null;
}

/** Returns a pointer without what it says of regions that the call's token may not use, or of all regions together. */
export function ownPointer(call: Pick<Call, "token">, pointer: ModelPointer): ModelPointer {
  if (limitedRegions(call) === null) return pointer;
  const { group: _, heldBack, ...rest } = pointer;
  const own = ownRegions(call, Object.keys(heldBack));
  return { ...rest, heldBack: Object.fromEntries(own.map((region) => [region, heldBack[region] as number])) };
}

export function jsonResponse(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}
