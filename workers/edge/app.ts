import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import type { Fault } from "#core/http/fault.ts";
import { allowedMethods } from "#core/http/methods.ts";
import { expectedResponse, faultResponse, unexpectedResponse } from "#core/http/problem.ts";
import { SegmentRouter } from "#core/http/segment-router.ts";
import type { Token } from "#core/tokens.ts";
import { spanOf, type TraceSpan, traceHeaders } from "#core/trace-context.ts";
import { authorise } from "./access/authorise.ts";
import type { Access } from "./access/issued.ts";
import { isAct, recordAct } from "./access/record-act.ts";
import type { Call, Route } from "./call.ts";
import { holdRequest } from "./limits.ts";
import { nodeOf } from "./node.ts";
import { routes } from "./routes/index.ts";

const corsMaxAgeSeconds = 3600;
const exposeHeaders = ["location", "retry-after", "traceparent", "x-upriver-answers"];

type AppContext = Context<{ Bindings: Env }>;

type App = Hono<{ Bindings: Env }>;

const methodsOf = allowedMethods(routes);

/** Serves all routes where no page of another origin may ask. */
export const routed: App = new Hono<{ Bindings: Env }>({ strict: false, router: new SegmentRouter() });
for (const route of routes) routed.on(route.method, route.path, (context) => serve(route, context));
routed.notFound((context) => {
  const { method, path } = context.req;
  const allowed = methodsOf(path);
  const what = `route ${method} ${path}`;
  const fault: Fault =
    allowed.length > 0
      ? { kind: "method", method, path, allowed }
      : { kind: "not-found", what, next: "GET /docs lists the routes." };
  return traced(faultResponse(fault, "route"), spanOf(context.req.raw.headers));
});
routed.onError(refuseEarly);

// Answers preflight requests of browsers before any route.
const crossOrigin: App = new Hono<{ Bindings: Env }>({ strict: false })
  .use("*", (context, next) => {
    const { origins } = nodeOf(context.env);
    const origin = origins.includes("*") ? "*" : origins;
    return cors({ origin, maxAge: corsMaxAgeSeconds, exposeHeaders })(context, next);
  })
  .all("*", (context) => routed.fetch(context.req.raw, context.env, context.executionCtx));
crossOrigin.onError(refuseEarly);

/** The near edge's HTTP application. */
export const app = {
  fetch: (request: Request, env: Env, context: ExecutionContext) =>
    (/[^\s,]/.test(env.ALLOWED_ORIGINS ?? "") ? crossOrigin : routed).fetch(request, env, context),
};

// Errors before a route is reached: settings that can't be read.
function refuseEarly(error: Error, context: AppContext): Response {
  const span = spanOf(context.req.raw.headers);
  return traced(unexpected(error, `${context.req.method} ${context.req.path}`, span), span);
}

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
    const later = (work: Promise<unknown>) => context.executionCtx.waitUntil(work);
    const access = { env: context.env, node, later };
    const params = context.req.param() as Record<string, string>;
    const token = await authorise(route, access, context.req.header("authorization") ?? null, params);
    const call = callOf(context, access, params, token, span);
    const response = await handled(route, call);
    if (isAct(route, call)) await recordAct(route, call, response.status);
    return response;
  } catch (error) {
    return refusal(route, error, span);
  }
}

async function handled(route: Route, call: Call): Promise<Response> {
  let release = () => {};
  try {
    if (route.scope !== "public") release = holdRequest(call);
    return await route.handle(call);
  } catch (error) {
    return refusal(route, error, call.span);
  } finally {
    release();
  }
}

function refusal(route: Route, error: unknown, span: TraceSpan): Response {
  const response = expectedResponse(error, route.operation, route.refuse);
  return response ?? unexpected(error, route.operation, span, route.refuse);
}

function callOf(
  context: AppContext,
  access: Access,
  params: Call["params"],
  token: Token | null,
  span: TraceSpan,
): Call {
  return {
    ...access,
    request: context.req.raw,
    token,
    span,
    params,
    query: (name) => context.req.query(name) ?? null,
    queries: (name) => context.req.queries(name) ?? [],
    noted: {},
  };
}
