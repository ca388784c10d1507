import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { type Job, jobOrderSchema } from "../../core/contract/index.ts";
import { FaultError } from "../../core/http/fault.ts";
import { preferredWaitSeconds } from "../../core/http/prefer.ts";
import { readJson } from "../../core/http/problem.ts";
import { limits } from "../../core/limits.ts";
import type { Token } from "../../core/tokens.ts";
import { modelFor } from "../caller.ts";
import { recipes } from "../recipes/index.ts";
import type { Jobs } from "./index.ts";

/** Ordering, watching, cancelling and restarting trainings, all for scope publish. */
export function jobRoutes(tokens: readonly Token[], jobs: Jobs): Hono {
  const app = new Hono();
  const route = (handle: (model: string, id: string, context: Context) => Promise<Response> | Response) => {
    return async (context: Context) => {
      const [model] = await modelFor(tokens, context, "publish");
      return handle(model, context.req.param("id") ?? "", context);
    };
  };
  app.get(
    "/",
    route((model, _, context) => context.json({ jobs: jobs.list(model) })),
  );
  app.post(
    "/",
    route((model, _, context) => order(jobs, model, context)),
  );
  app.get(
    "/:id",
    route((model, id, context) => show(jobs, model, id, context)),
  );
  app.get(
    "/:id/report",
    route((model, id, context) => report(jobs, model, id, context)),
  );
  app.post(
    "/:id/cancel",
    route(async (model, id, context) => context.json({ job: await jobs.cancel(model, id) })),
  );
  app.post(
    "/:id/restart",
    route(async (model, id, context) => context.json({ job: await jobs.restart(model, id) }, 202)),
  );
  return app;
}

async function order(jobs: Jobs, model: string, context: Context): Promise<Response> {
  if (!recipes.some(({ name }) => name === model)) {
    const known = recipes.map(({ name }) => name).join(", ");
    const next = `The origin trains what it has a recipe for (${known}); other models come by 'npx upriver publish'.`;
    throw new FaultError({ kind: "not-found", what: `recipe '${model}'`, next });
  }
  const job = await jobs.order(model, await readJson(context.req.raw, jobOrderSchema, limits.bodyMaxBytes));
  return context.json({ job }, 202, { location: `/v1/models/${model}/jobs/${job.id}` });
}

async function show(jobs: Jobs, model: string, id: string, context: Context): Promise<Response> {
  const job = jobs.get(model, id);
  if (context.req.header("accept")?.includes("text/event-stream")) return stream(jobs, job, context);
  const waitMs = preferredWaitSeconds(context.req.raw, limits.waitMaxSeconds) * 1_000;
  return context.json({ job: await jobs.wait(model, id, waitMs) });
}

async function report(jobs: Jobs, model: string, id: string, context: Context): Promise<Response> {
  const text = await jobs.report(jobs.get(model, id));
  if (text !== null) return context.html(text);
  throw new FaultError({ kind: "not-found", what: `report of job '${id}' yet`, next: "It comes when it has trained." });
}

// Each change as an event, the last of them the end.
function stream(jobs: Jobs, job: Job, context: Context): Response {
  return streamSSE(context, async (events) => {
    const write = (now: Job) => events.writeSSE({ event: "job", data: JSON.stringify(now) });
    await write(job);
    if (job.endedAt !== null) return;
    await new Promise<void>((resolve) => {
      const stop = jobs.watch((changed) => {
        if (changed.id !== job.id) return;
        void write(changed).then(() => changed.endedAt !== null && end());
      });
      const end = () => {
        stop();
        resolve();
      };
      events.onAbort(end);
    });
  });
}
