import { type Context, Hono } from "hono";
import type { ZodType } from "zod";
import type { Decision, DecisionRequest, Distribution } from "#core/decisions/decision.ts";
import { decisionsRequestSchema, readDecisions, writeDecisions } from "#core/decisions/openai-decisions.ts";
import { readSystemOne, systemOneRequestSchema, writeSystemOne } from "#core/decisions/system-one.ts";
import { invalidFields, sentenceOf } from "#core/http/issues.ts";
import { readPick, writePick } from "./chat.ts";
import type { DoubleClassifier } from "./classifier.ts";

/** What answers behind the protocols. */
type Classifier = Pick<DoubleClassifier, "distribution" | "truthOf">;

/** The model that the double says it is, whatever model is asked for. */
export const doubleName = "local-double";

const about =
  "Upriver's local decision server: a double of decision models and chat models for development and tests. It speaks System One " +
  "(POST /v1/systemone), OpenAI Decisions (POST /v1/decisions) and chat completions (POST /v1/chat/completions). A small " +
  "classifier answers, not the model that was asked for.\n";

/** Creates the application of the local decision server. It takes any key. */
export function doubleApp(classifier: Classifier): Hono {
  const app = new Hono();
  const inputTokens = (request: unknown) => Math.ceil(JSON.stringify(request).length / 4);

  app.use("*", async (context, next) => {
    await next();
    context.header("x-upriver-double", doubleName);
  });
  app.get("/", (context) => context.text(about));
  app.get("/v1/models", (context) =>
    context.json({ models: [{ name: doubleName, description: about.trim(), release_date: "2026-11-01" }] }),
  );
  app.post("/v1/systemone", async (context) => {
    const body = await read(context, systemOneRequestSchema);
    if (!body.ok) {
      const detail = body.faults.map(({ path, message }) => {
        return { loc: ["body", ...path.split(".")], msg: message, type: "value_error" };
      });
      return context.json({ detail }, 422);
    }
    const usage = { model: doubleName, inputTokens: inputTokens(body.value) };
    return context.json(writeSystemOne(body.value, decide(classifier, readSystemOne(body.value)), usage));
  });
  app.post("/v1/decisions", async (context) => {
    const body = await read(context, decisionsRequestSchema);
    if (!body.ok) return openAiError(context, body.faults[0]?.message ?? "", body.faults[0]?.path ?? null);
    const usage = { model: doubleName, inputTokens: inputTokens(body.value) };
    return context.json(writeDecisions(body.value, decide(classifier, readDecisions(body.value)), usage));
  });
  app.post("/v1/chat/completions", async (context) => {
    const request = await context.req.json().catch(() => ({}));
    const pick = readPick(request);
    if (!pick) return openAiError(context, "This double only picks from an enum in a JSON schema.", "response_format");
    const probabilities = classifier.distribution(parsed(pick.text), pick.options);
    const tokens = inputTokens(request);
    return context.json({
      ...{
        id: "chatcmpl-double",
        object: "chat.completion",
        created: Math.floor(Date.now() / 1_000),
        model: doubleName,
      },
      choices: [writePick(pick, probabilities, request)],
      usage: { prompt_tokens: tokens, completion_tokens: 5, total_tokens: tokens + 5 },
    });
  });
  return app;
}

function decide(classifier: Classifier, { state, decisions }: DecisionRequest): Distribution[] {
  const about = typeof state === "string" ? parsed(state) : state;
  return decisions.map(({ type, instructions, options }: Decision) => {
    if (type === "yes-no") {
      const yes = classifier.truthOf(about, [instructions, options[0]?.description].filter(Boolean).join(" "));
      return [yes, 1 - yes];
    }
    const named = options.map(({ value, description }) => ({ value: String(value), description }));
    return classifier.distribution(about, named);
  });
}

/** Columns may come as JSON text. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : text;
  } catch {
    return text;
  }
}

type Read<T> = { ok: true; value: T } | { ok: false; faults: { path: string; message: string }[] };

async function read<T>(context: Context, schema: ZodType<T>): Promise<Read<T>> {
  const body: unknown = await context.req.json().catch(() => undefined);
  const result = schema.safeParse(body);
  if (result.success) return { ok: true, value: result.data };
  const fields = invalidFields(result.error.issues, body, schema);
  return { ok: false, faults: fields.map((field) => ({ path: field.path, message: sentenceOf(field) })) };
}

function openAiError(context: Context, message: string, param: string | null) {
  return context.json({ error: { message, type: "invalid_request_error", param, code: null } }, 400);
}
