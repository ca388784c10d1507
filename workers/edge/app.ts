import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { type Fault, FaultError, problemOf } from "#core/http/fault.ts";
import { expectedResponse, problemResponse, unexpectedResponse } from "#core/http/problem.ts";
import { findToken, hasScope, type Token } from "#core/tokens.ts";
import { spanOf, type TraceSpan, traceHeaders } from "#core/trace-context.ts";
import type { Call, Route } from "./call.ts";
import { holdRequest } from "./limits.ts";
import { type EdgeNode, nodeOf } from "./node.ts";
import { routes } from "./routes/index.ts";

const corsMaxAgeSeconds = 3600;
const exposeHeaders = ["location", "retry-after", "traceparent", "x-upriver-answers"];

type AppContext = Context<{ Bindings: Env }>;

/** The near edge's HTTP application. */
export const app = new Hono<{ Bindings: Env }>({ strict: false });

// Answers preflight requests of browsers before any route.
app.use("*", (context, next) => {
  const { origins } = nodeOf(context.env);
  return origins.length === 0
    ? next()
    : cors({ origin: origins.includes("*") ? "*" : origins, maxAge: corsMaxAgeSeconds, exposeHeaders })(context, next);
});

for (const route of routes) app.on(route.method, route.path, (context) => serve(route, context));

const patterns = routes.map(({ method, path }) => {
  const pattern = path.replace(/:\w+\{([^}]*)\}|:\w+/g, (_, own?: string) => own ?? "[^/]+");
  return { method, pattern: new RegExp(`^${pattern}$`) };
});

app.notFound((context) => {
  const { method, path } = context.req;
  const allowed = [...new Set(patterns.flatMap((route) => (route.pattern.test(path) ? [route.method] : [])))];
  const what = `route ${method} ${path}`;
  const fault: Fault =
    allowed.length > 0
      ? { kind: "method", method, path, allowed }
      : { kind: "not-found", what, next: "GET /docs lists the routes." };
  const problem = problemOf(fault, "route");
  return traced(problemResponse(problem), spanOf(context.req.raw.headers));
});

// Errors before a route is reached: settings that can't be read.
app.onError((error, context) => {
  const span = spanOf(context.req.raw.headers);
  return traced(unexpected(error, `${context.req.method} ${context.req.path}`, span), span);
});

function unexpected(error: unknown, operation: string, { trace, span }: TraceSpan, refuse?: Route["refuse"]): Response {
  const stack = error instanceof Error ? error.stack : undefined;
  console.error(JSON.stringify({ event: "unexpected", operation, trace, span, error: String(error), stack }));
  return unexpectedResponse(operation, refuse);
}

async function serve(route: Route, context: AppContext): Promise<Response> {
  const span = spanOf(context.req.raw.headers);
  return traced(await respond(route, context, span), span);
}

/** Names the trace in the response, so that a caller without one finds it in the logs. */
function traced(response: Response, span: TraceSpan): Response {
  response.headers.set("traceparent", traceHeaders(span).traceparent);
  return response;
}

async function respond(route: Route, context: AppContext, span: TraceSpan): Promise<Response> {
  try {
    const node = nodeOf(context.env);
    const token = await authorise(route, node, context.req.header("authorization") ?? null);
    const call = callOf(context, node, token, span);
    const release = route.scope === "public" ? () => {} : holdRequest(call);
    try {
      return await route.handle(call);
    } finally {
      release();
    }
  } catch (error) {
    const response = expectedResponse(error, route.operation, route.refuse);
    if (response) return response;
    return unexpected(error, route.operation, span, route.refuse);
  }
}

async function authorise(route: Route, node: EdgeNode, authorization: string | null): Promise<Token | null> {
  if (route.scope === "public") return null;
  const token = await findToken(node.tokens, authorization);
  if (!token && route.scope === "ask" && node.isPublic && authorization === null) return null;
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (route.scope !== "any" && !hasScope(token, route.scope))
    throw new FaultError({ kind: "forbidden", needs: `scope '${route.scope}'` });
  return token;
}

function callOf(context: AppContext, node: EdgeNode, token: Token | null, span: TraceSpan): Call {
  return {
    request: context.req.raw,
    env: context.env,
    node,
    token,
    span,
    params: context.req.param() as Record<string, string>,
    query: (name) => context.req.query(name) ?? null,
    queries: (name) => context.req.queries(name) ?? [],
    later: (work) => context.executionCtx.waitUntil(work),
  };
}
