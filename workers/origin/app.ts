import { type Context, Hono } from "hono";
import { type AskBody, askSchema, type Question, questionSchema } from "../core/contract/index.ts";
import { FaultError, problemOf } from "../core/http/fault.ts";
import { expectedResponse, problemResponse, readJson, unexpectedResponse } from "../core/http/problem.ts";
import { limits } from "../core/limits.ts";
import { findToken, hasScope, mayUseModel, type Token } from "../core/tokens.ts";
import type { FullModels } from "./models.ts";

export interface OriginOptions {
  nodeId: string;
  tokens: readonly Token[];
  models: Pick<FullModels, "rung" | "list">;
  log: (event: Record<string, unknown>) => void;
}

/** The origin's HTTP application: the same `ask` as the edge's, answered by the full model. */
export function createApp(options: OriginOptions): Hono {
  const { nodeId, models, log } = options;
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok", node: nodeId }));
  app.get("/readyz", (context) => context.json({ status: "ready", node: nodeId, models: models.list() }));
  app.post("/v1/models/:model/ask", (context) => ask(options, context));
  app.notFound(({ req }) =>
    problemResponse(
      problemOf(
        {
          kind: "not-found",
          what: `route ${req.method} ${req.path}`,
          next: "POST /v1/models/{model}/ask is what an origin answers.",
        },
        "route",
      ),
    ),
  );
  app.onError((error) => {
    const response = expectedResponse(error, "ask");
    if (response) return response;
    log({ event: "unexpected", error: error.stack ?? String(error) });
    return unexpectedResponse("ask");
  });
  return app;
}

async function ask({ nodeId, tokens, models }: OriginOptions, context: Context): Promise<Response> {
  const startedAt = Date.now();
  const model = context.req.param("model") as string;
  const token = await findToken(tokens, context.req.header("authorization") ?? null);
  if (!token) throw new FaultError({ kind: "unauthorised" });
  if (!hasScope(token, "ask")) throw new FaultError({ kind: "forbidden", needs: "scope 'ask'" });
  if (!mayUseModel(token, model)) throw new FaultError({ kind: "forbidden", needs: `model '${model}'` });
  const body = await readJson(context.req.raw, askSchema, limits.bodyMaxBytes);
  const { nodes = [], remainingMs = limits.askTimeoutMs, trace = false } = body;
  const passed = [...nodes, nodeId];
  if (nodes.includes(nodeId) || passed.length > limits.nodesMax) {
    throw new FaultError({ kind: "loop", nodes: passed, max: limits.nodesMax });
  }
  const questions = wholeQuestions(body);
  const rung = await models.rung(model);
  const replies = await rung.ask(questions, { asker: token.id, remainingMs, nodes: passed, trace });
  if (Date.now() - startedAt > remainingMs) {
    throw new FaultError({ kind: "late", reason: `The answer took longer than the ${remainingMs} ms that remained.` });
  }
  return context.json({ answers: replies.map((reply) => reply.answer) });
}

// Between rungs a question is whole: the edge gave it its id and its region.
function wholeQuestions({ questions }: AskBody): Question[] {
  if (!questions) {
    const error = { path: "questions", expected: "questions with id, region and time", received: "instances" };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
  return questions.map((draft, index) => {
    const whole = questionSchema.safeParse(draft);
    if (whole.success) return whole.data;
    const [issue] = whole.error.issues;
    const error = {
      index,
      path: issue?.path.join(".") ?? "",
      expected: issue?.message ?? "a question",
      received: "nothing",
    };
    throw new FaultError({ kind: "invalid", errors: [error] });
  });
}
