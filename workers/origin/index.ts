// Run it: node workers/origin/index.ts, with the environment that config.ts reads; npm start does so.
import { serve } from "@hono/node-server";
import { ProblemError, UpriverClient } from "../client/index.ts";
import { createApp } from "./app.ts";
import { type OriginConfig, readConfig } from "./config.ts";
import { FullModels } from "./models.ts";
import { publish } from "./publish.ts";
import { trainInThread } from "./train/thread.ts";

const edgeCheckMs = 500;

const config = readConfig(process.env);
const client = new UpriverClient({ url: config.edgeUrl, token: config.edgeToken });
const models = new FullModels(client, config.dataFolder);
const app = createApp({ nodeId: config.nodeId, tokens: config.tokens, models, log });
const server = serve({ fetch: app.fetch, hostname: config.host, port: config.port }, ({ port }) =>
  log({ event: "listening", host: config.host, port }),
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);

await waitForEdge();
if (config.recipe) await ensurePublished(config, config.recipe);
for (const { model } of await client.models())
  await models.rung(model).catch((error) => log({ event: "no-full-model", model, error: String(error) }));
log({ event: "ready", models: models.list() });

async function ensurePublished({ signingKey }: OriginConfig, recipe: string): Promise<void> {
  if (await isServed(recipe)) return;
  const artefact = await trainInThread(recipe, (progress) => log({ event: "training", model: recipe, ...progress }));
  const { version } = await publish(client, artefact, signingKey);
  await client.rollout(recipe, { version });
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
