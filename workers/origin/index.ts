// Run it: node workers/origin/index.ts, with the environment that config.ts reads; npm start does so.
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { ProblemError, UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { createApp } from "./app.ts";
import { findBackend } from "./backend/index.ts";
import { readConfig } from "./config.ts";
import { FullModels } from "./models.ts";
import { TrainingQueue } from "./trainings/queue.ts";
import { trainingRunner } from "./trainings/steps.ts";
import { TrainingStore } from "./trainings/store.ts";

const edgeCheckMs = 500;
const firstTrainingMaxMs = 2 ** 31 - 1;

const config = readConfig(process.env);
const client = new UpriverClient({ url: config.edgeUrl, token: config.edgeToken });
const models = new FullModels(client, config.dataFolder);
const { adapterFound: _, ...backend } = await findBackend(config.backend);
const trainingStore = new TrainingStore(join(config.dataFolder, "trainings"));
const workshop = { ...config, client, folderOf: (training: Training) => trainingStore.folderOf(training) };
const trainings = new TrainingQueue(trainingStore, trainingRunner(workshop), log);
const app = createApp({ nodeId: config.nodeId, tokens: config.tokens, models, training: { trainings, backend }, log });
const server = serve({ fetch: app.fetch, hostname: config.host, port: config.port }, ({ port }) =>
  log({ event: "listening", host: config.host, port, backend }),
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);

await waitForEdge();
trainings.watch(({ model, progress }) => progress && log({ event: "training", model, ...progress }));
await trainings.open();
if (config.recipe) await ensureServed(config.recipe);
for (const { model } of await client.models())
  await models.rung(model).catch((error) => log({ event: "no-full-model", model, error: String(error) }));
log({ event: "ready", models: models.list() });

/** Trains a recipe's first version, as a job like any other. */
async function ensureServed(recipe: string): Promise<void> {
  if (await isServed(recipe)) return;
  const underWay = trainings.list(recipe).find(({ endedAt }) => endedAt === null);
  const { id } = underWay ?? (await trainings.enqueue(recipe, { reason: "first", canary: null, gate: false }));
  const { state, reason, version } = await trainings.wait(recipe, id, firstTrainingMaxMs);
  if (state !== "done") throw new Error(`Error in origin: the first training of '${recipe}' is ${state}: ${reason}`);
  log({ event: "published", model: recipe, version });
}

async function isServed(model: string): Promise<boolean> {
  try {
    return (await client.model(model)).pointer.stable !== null;
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return false;
    throw error;
  }
}

async function waitForEdge(): Promise<void> {
  for (;;) {
    try {
      await client.health();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, edgeCheckMs));
    }
  }
}

function stop(): void {
  // Kept-alive connections would hold the server open.
  if ("closeAllConnections" in server) server.closeAllConnections();
  server.close(() => process.exit(0));
}

function log(event: Record<string, unknown>): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), ...event }));
}
