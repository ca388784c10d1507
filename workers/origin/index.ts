// Runs the origin: node workers/origin/index.ts, configured by the environment variables in config.ts. `npm start` runs it.
import { join } from "node:path";
import { type ServerType, serve } from "@hono/node-server";
import { ProblemError, UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { createApp } from "./app.ts";
import { findBackend } from "./backend/index.ts";
import { BlobCache } from "./blob-cache.ts";
import { type OriginConfig, readConfig } from "./config.ts";
import { checkDataFolder } from "./data-folder.ts";
import { DiskProbe } from "./disk.ts";
import { FullModels } from "./models.ts";
import { TrainableRecipes } from "./recipes/registry.ts";
import { SetupError } from "./setup-error.ts";
import { findPython } from "./torch/python.ts";
import { TrainingQueue } from "./trainings/queue.ts";
import { trainingRunner } from "./trainings/steps.ts";
import { TrainingStore } from "./trainings/store.ts";

const edgePollMs = 500;
/** More than a question may take, and than a training takes to save its checkpoint. */
const drainMaxMs = 15_000;
const closeIdleEveryMs = 50;
const firstTrainingMaxMs = 2 ** 31 - 1;

await start(process.env).catch((error) => {
  console.error(error instanceof SetupError ? error.message : error);
  process.exit(1);
});

async function start(environment: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(environment);
  await checkDataFolder(config.dataFolder);
  const client = new UpriverClient({ url: config.edgeUrl, token: config.edgeToken });
  const blobs = new BlobCache(client, join(config.dataFolder, "blobs"));
  const models = new FullModels(client, blobs);
  const recipes = new TrainableRecipes(client, blobs, config.recipeFolder);
  const { adapterFound: _, ...backend } = await findBackend(config.backend);
  // An engine elsewhere has a Python of its own.
  if (config.trainer === "torch" && config.torch.command === null) await findPython(config.torch.python);
  const store = new TrainingStore(join(config.dataFolder, "trainings"));
  const stepOptions = { ...config, client, recipes, folderOf: (training: Training) => store.folderOf(training) };
  const trainings = new TrainingQueue(store, trainingRunner(stepOptions), log);
  listen(config, models, { trainings, recipes, backend, disk: new DiskProbe(config.dataFolder) });
  await waitForEdge(client);
  trainings.watch(({ model, progress }) => progress && log({ event: "training", model, ...progress }));
  await trainings.open();
  if (config.recipe) await ensureServed(client, trainings, config.recipe);
  for (const { model } of await client.models())
    await models.rung(model).catch((error) => log({ event: "no-full-model", model, error: String(error) }));
  log({ event: "ready", models: models.list() });
}

function listen(
  { nodeId, tokens, host, port, trainer }: OriginConfig,
  models: FullModels,
  training: NonNullable<Parameters<typeof createApp>[0]["training"]>,
): void {
  const app = createApp({ nodeId, tokens, models, training, log });
  const server = serve({ fetch: app.fetch, hostname: host, port }, (address) =>
    log({
      ...{ event: "listening", host, port: address.port, backend: training.backend },
      trainer: trainer ?? "as each recipe says",
    }),
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void drain(server, training.trainings).then(() => process.exit(0)));
  }
}

/** Stops accepting, finishes the requests that run, and has a training save its checkpoint; within a bound. */
async function drain(server: ServerType, trainings: TrainingQueue): Promise<void> {
  log({ event: "stopping" });
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A kept-alive connection is closed as soon as no request runs on it.
  const closing = setInterval(
    () => "closeIdleConnections" in server && server.closeIdleConnections(),
    closeIdleEveryMs,
  );
  const late = new Promise<void>((resolve) => setTimeout(resolve, drainMaxMs).unref());
  await Promise.race([Promise.all([closed, trainings.stop()]), late]);
  clearInterval(closing);
  log({ event: "stopped" });
}

/** Trains, publishes and rolls out a recipe's first version, unless the edge serves one. */
async function ensureServed(client: UpriverClient, trainings: TrainingQueue, recipe: string): Promise<void> {
  if (await isServed(client, recipe)) return;
  const open = trainings.list(recipe).find(({ endedAt }) => endedAt === null);
  const { id } = open ?? (await trainings.enqueue(recipe, { reason: "first", canary: null, gate: false }));
  const { state, reason, version } = await trainings.wait(recipe, id, firstTrainingMaxMs);
  if (state !== "done") throw new SetupError(`The first training of '${recipe}' ended as '${state}': ${reason}.`);
  log({ event: "published", model: recipe, version });
}

async function isServed(client: UpriverClient, model: string): Promise<boolean> {
  try {
    return (await client.model(model)).pointer.stable !== null;
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return false;
    throw error;
  }
}

async function waitForEdge(client: UpriverClient): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await client.health();
      return;
    } catch (error) {
      if (tries === 0) log({ event: "waiting-for-edge", error: String(error) });
      await new Promise((resolve) => setTimeout(resolve, edgePollMs));
    }
  }
}

function log(event: Record<string, unknown>): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), ...event }));
}
