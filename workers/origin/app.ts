import { type Context, Hono } from "hono";
import {
  type AskBody,
  askSchema,
  askTimeoutMs,
  bodyMaxBytes,
  type Question,
  viaMaxRungs,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { allowedMethods } from "#core/http/methods.ts";
import { expectedResponse, faultResponse, readJson, unexpectedResponse } from "#core/http/problem.ts";
import { refuseRepeated } from "#core/http/repeated.ts";
import { lineOf, outcomeOf } from "#core/log.ts";
import { withTop } from "#core/rung/candidates.ts";
import { checkedDrafts, draftsOf } from "#core/rung/drafts.ts";
import { findToken, hasScope, mayUseModel, type Token } from "#core/tokens.ts";
import { spanOf, traceHeaders } from "#core/trace-context.ts";
import type { Backend } from "./backend/index.ts";
import { modelFor, requireAllRegions, requireRegions } from "./caller.ts";
import type { DiskProbe } from "./disk.ts";
import type { FullModels } from "./models.ts";
import type { TrainableRecipes } from "./recipes/registry.ts";
import type { TrainingQueue } from "./trainings/queue.ts";
import { trainingRoutes } from "./trainings/routes.ts";

export interface OriginOptions {
  nodeId: string;
  tokens: readonly Token[];
  models: Pick<FullModels, "rung" | "list">;
  /** The trainings and the backend that runs them; null when this origin only answers. */
  training: {
    trainings: TrainingQueue;
    recipes: Pick<TrainableRecipes, "document">;
    disk: Pick<DiskProbe, "readiness">;
    backend: Omit<Backend, "use">;
  } | null;
  log: (event: Record<string, unknown>) => void;
}

/** Creates the origin's HTTP application: the same `ask` as the edge's, answered by the full model, and the trainings. */
export function createApp(options: OriginOptions): Hono {
  const { nodeId, tokens, training, log } = options;
  // A path with a slash at its end is the same route, as at the edge.
  const app = new Hono({ strict: false });
  app.get("/healthz", (context) => context.json({ status: "ok", node: nodeId }));
  app.get("/readyz", async (context) => {
    // Not ready to train is ready to answer: what balances load by this route still sends questions.
    const { ready = true } = (await training?.disk.readiness()) ?? {};
    const state = { status: "ready", node: nodeId };
    return context.json(ready ? state : { ...state, training: "not-ready" });
  });
  app.post("/v1/models/:model/ask", (context) => ask(options, context));
  if (training) app.route("/v1/models/:model/trainings", trainingRoutes(tokens, training));
  app.get("/v1/status", (context) => status(options, context));
  const methodsOf = allowedMethods(app.routes);
  app.notFound(({ req: { method, path } }) => {
    const allowed = methodsOf(path);
    const next =
      "Use POST /v1/models/{model}/ask for answers, /v1/models/{model}/trainings for trainings, or GET /v1/status.";
    return faultResponse(
      allowed.length > 0
        ? { kind: "method", method, path, allowed }
        : { kind: "not-found", what: `route ${method} ${path}`, next },
      "route",
    );
  });
  app.onError((error) => {
    const response = expectedResponse(error, "ask");
    if (response) return response;
    log({ event: "unexpected", error: error.stack ?? String(error) });
    return unexpectedResponse("ask");
  });
  return app;
}

async function ask({ nodeId, tokens, models, log }: OriginOptions, context: Context): Promise<Response> {
  const startedAt = Date.now();
  const [model, token] = await modelFor(tokens, context, "ask");
  const body = await readJson(context.req.raw, askSchema, bodyMaxBytes);
  const { via = [], remainingMs = askTimeoutMs, trace = false } = body;
  const passed = [...via, nodeId];
  if (via.includes(nodeId) || passed.length > viaMaxRungs) {
    throw new FaultError({ kind: "loop", via: passed, max: viaMaxRungs });
  }
  const asked = completeQuestions(body);
  const span = spanOf(context.req.raw.headers);
  const regions = new Set(asked.map(({ region }) => region));
  requireRegions(token, regions);
  const [region = null] = regions.size === 1 ? regions : [];
  const line = { rung: "origin", model, region, span, ids: asked.map(({ id }) => id) } as const;
  log(lineOf({ ...line, event: "asked" }));
  const rung = await models.rung(model);
  const questions = checkedDrafts(rung.choosable, body, asked);
  const hop = { owner: token.id, remainingMs, via: passed, trace, ...traceHeaders(span) };
  const replies = await rung.ask(questions, hop);
  const answers = replies.map(({ answer }, i) => withTop(answer, questions[i]?.top));
  const ms = Date.now() - startedAt;
  if (ms > remainingMs) {
    throw new FaultError({ kind: "late", reason: `The answer took longer than the remaining ${remainingMs} ms.` });
  }
  log(lineOf({ ...line, event: "answered", ms }, outcomeOf(answers)));
  return context.json({ answers });
}

async function status({ nodeId, tokens, models, training }: OriginOptions, context: Context): Promise<Response> {
  const token = await findToken(tokens, context.req.header("authorization") ?? null);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (!hasScope(token, "publish")) throw new FaultError({ kind: "forbidden", needs: "scope 'publish'" });
  requireAllRegions(token);
  const { backend = null, trainings = null } = training ?? {};
  const isOwn = ({ model }: { model: string }) => mayUseModel(token, model);
  const open = trainings?.list().filter(({ endedAt }) => endedAt === null) ?? [];
  const readiness = await training?.disk.readiness();
  const state = { node: nodeId, models: models.list().filter(isOwn), backend, trainings: open.filter(isOwn) };
  return context.json(readiness ? { ...state, training: readiness } : state);
}

/** What a caller may leave out, and a rung may not. */
const complete = ["id", "region", "at"] as const;

// A question between rungs is complete: the edge has assigned its id and its region.
function completeQuestions(body: AskBody): Question[] {
  const expected = "a complete question with id, region, instance and at";
  if (!body.questions) {
    const error = { path: "questions", expected: `an array, each ${expected}`, received: "instances" };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
  const questions = draftsOf(body).map((draft, index) => {
    // Each field has been checked with the body; between rungs none is optional.
    const missing = complete.find((name) => draft[name] === undefined);
    if (missing === undefined) return draft as Question;
    throw new FaultError({ kind: "invalid", errors: [{ index, path: missing, expected, received: "nothing" }] });
  });
  refuseRepeated(questions.map(({ id }) => id));
  return questions;
}
