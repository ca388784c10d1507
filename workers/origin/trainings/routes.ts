import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { bodyMaxBytes, type Training, trainingOrderSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { preferredWaitSeconds, waitMaxSeconds } from "#core/http/prefer.ts";
import { readJson } from "#core/http/problem.ts";
import type { Token } from "#core/tokens.ts";
import { modelFor, requireAllRegions } from "../caller.ts";
import type { DiskProbe } from "../disk.ts";
import type { TrainableRecipes } from "../recipes/registry.ts";
import type { TrainingQueue } from "./queue.ts";

/** Creates the routes that order, show, cancel and restart trainings; all require scope `publish` and all regions. */
export function trainingRoutes(
  tokens: readonly Token[],
  {
    trainings,
    recipes,
    disk,
  }: { trainings: TrainingQueue; recipes: Pick<TrainableRecipes, "document">; disk: Pick<DiskProbe, "readiness"> },
): Hono {
  const app = new Hono();
  const route = (handle: (model: string, id: string, context: Context) => Promise<Response> | Response) => {
    return async (context: Context) => {
      const [model, token] = await modelFor(tokens, context, "publish");
      requireAllRegions(token);
      return handle(model, context.req.param("id") ?? "", context);
    };
  };
  app.get(
    "/",
    route((model, _, context) => context.json({ trainings: trainings.list(model) })),
  );
  app.post(
    "/",
    route(async (model, _, context) => {
      const { ready, reason, next } = await disk.readiness();
      if (!ready) throw new FaultError({ kind: "unavailable", reason: reason ?? "", next: next ?? "" });
      return order(trainings, recipes, model, context);
    }),
  );
  app.get(
    "/:id",
    route((model, id, context) => show(trainings, model, id, context)),
  );
  app.get(
    "/:id/report",
    route((model, id, context) => report(trainings, model, id, context)),
  );
  app.post(
    "/:id/cancel",
    route(async (model, id, context) => context.json({ training: await trainings.cancel(model, id) })),
  );
  app.post(
    "/:id/restart",
    route(async (model, id, context) => context.json({ training: await trainings.restart(model, id) }, 202)),
  );
  return app;
}

async function order(
  trainings: TrainingQueue,
  recipes: Pick<TrainableRecipes, "document">,
  model: string,
  context: Context,
): Promise<Response> {
  const given = await readJson(context.req.raw, trainingOrderSchema, bodyMaxBytes);
  await recipes.document(model, given.reason === "first");
  const training = await trainings.enqueue(model, given);
  return context.json({ training }, 202, { location: `/v1/models/${model}/trainings/${training.id}` });
}

async function show(trainings: TrainingQueue, model: string, id: string, context: Context): Promise<Response> {
  const training = trainings.get(model, id);
  if (context.req.header("accept")?.includes("text/event-stream")) return stream(trainings, training, context);
  const waitMs = preferredWaitSeconds(context.req.raw, waitMaxSeconds) * 1_000;
  return context.json({ training: await trainings.wait(model, id, waitMs) });
}

async function report(trainings: TrainingQueue, model: string, id: string, context: Context): Promise<Response> {
  const text = await trainings.report(trainings.get(model, id));
  if (text !== null) return context.html(text);
  const next = "The report is written when the training's step 'train' is done.";
  throw new FaultError({ kind: "not-found", what: `report of training '${id}' yet`, next });
}

// Sends each change as an event until the training has ended.
function stream(trainings: TrainingQueue, training: Training, context: Context): Response {
  return streamSSE(context, async (events) => {
    const write = (now: Training) => events.writeSSE({ event: "training", data: JSON.stringify(now) });
    await write(training);
    if (training.endedAt !== null) return;
    await new Promise<void>((resolve) => {
      const stop = trainings.watch((changed) => {
        if (changed.id !== training.id) return;
        void write(changed).then(() => changed.endedAt !== null && end());
      });
      const end = () => {
        stop();
        trainings.stopSignal.removeEventListener("abort", end);
        resolve();
      };
      events.onAbort(end);
      trainings.stopSignal.addEventListener("abort", end, { once: true });
      if (trainings.stopSignal.aborted) end();
    });
  });
}
