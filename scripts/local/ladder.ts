import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { TrainerName } from "#core/contract/index.ts";
import { describeDoubles, startDouble } from "./decisions/double.ts";
import { wantedDoubles } from "./decisions/wanted.ts";
import { type DemoChoice, writeDemo } from "./demo.ts";
import { startEdge } from "./edge.ts";
import { lockFolder } from "./lock.ts";
import { checkPort } from "./ports.ts";
import {
  type LocalProcess,
  type LocalProcessOptions,
  poll,
  program,
  startProcess,
  stopProcess,
  untilReady,
} from "./process.ts";
import { type Credentials, ensureSecrets, hashed } from "./secrets.ts";

interface LadderOptions {
  /** The folder of secrets, logs and data. */
  folder: string;
  ports: { edge: number; origin: number };
  /** The recipe that the origin trains and publishes when the edge does not serve it; null for none. */
  recipe: string | null;
  /** Web origins whose pages may ask; none by default. */
  allowedOrigins?: string | undefined;
  /** What trains at the origin; `ORIGIN_TRAINER`, else what each recipe says, unless given. */
  trainer?: TrainerName | undefined;
  /** The console's demo; none by default. */
  demo?: DemoChoice | undefined;
  onProgress?: (line: string) => void;
  onDeath?: LocalProcessOptions["onDeath"];
}

/** A running edge and origin on this machine. */
export interface LocalLadder {
  credentials: Credentials;
  client: (scope: keyof Credentials["tokens"]) => UpriverClient;
  startOrigin: () => Promise<void>;
  stopOrigin: () => Promise<void>;
  /** Deletes the origin's files; R2 has copies of all of them. */
  loseOriginDisk: () => Promise<void>;
  stop: () => Promise<void>;
  /** The local decision server; null where no recipe needs one. */
  doubleUrl: string | null;
}

/** Starts the edge, in workerd with local R2, KV and objects, and the origin. */
export async function startLadder(options: LadderOptions): Promise<LocalLadder> {
  const { folder, ports, recipe, allowedOrigins, onProgress = () => {}, onDeath } = options;
  const unlock = lockFolder(folder, `http://127.0.0.1:${ports.edge}`);
  await checkPort(ports.edge, "UPRIVER_PORT");
  await checkPort(ports.origin, "UPRIVER_ORIGIN_PORT");
  const credentials = await ensureSecrets(folder, ports);
  const client = (scope: keyof Credentials["tokens"]) =>
    new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });

  const wanted = await wantedDoubles(folder, recipe);
  const double = wanted.length > 0 ? await startDouble(folder, wanted, onDeath) : null;
  if (double) for (const line of describeDoubles(double.url, wanted)) onProgress(line);
  onProgress("edge: starting");
  const nextRungUrl = credentials.origin;
  const doubleUrl = double?.url;
  const demo = options.demo && (await writeDemo(folder, options.demo));
  const edge = startEdge({ folder, port: ports.edge, nextRungUrl, doubleUrl, demo, allowedOrigins, onDeath });
  let origin: LocalProcess | null = null;
  const startOrigin = async () => {
    const [command, args] = [process.execPath, [program("workers/origin/index")]];
    const env = await originEnvironment(credentials, options);
    origin = await startProcess({ name: "origin", command, args, env, folder, onDeath });
    watchTraining(origin, onProgress);
    await untilReady(origin, `${credentials.origin}/readyz`);
    if (recipe) await poll(origin, () => isServed(client("ask"), recipe));
  };
  const stopOrigin = async () => {
    if (origin) await stopProcess(origin);
  };
  const stop = async () => {
    await stopOrigin();
    await edge.then(
      (running) => running.stop(),
      () => {},
    );
    if (double) await stopProcess(double.process);
    unlock();
  };
  try {
    // The origin waits for the edge by itself.
    await Promise.all([edge.then(() => onProgress("edge: ready")), startOrigin()]);
    onProgress("origin: ready");
  } catch (error) {
    await stop();
    throw error;
  }
  const loseOriginDisk = () => rm(originFolder(folder), { recursive: true, force: true });
  return { credentials, client, startOrigin, stopOrigin, loseOriginDisk, stop, doubleUrl: double?.url ?? null };
}

async function originEnvironment(credentials: Credentials, { folder, ports, recipe, trainer }: LadderOptions) {
  return {
    ORIGIN_PORT: String(ports.origin),
    ORIGIN_TOKENS: JSON.stringify([
      { ...(await hashed("publish", credentials.originToken)), id: "edge", scopes: ["ask", "rung", "publish"] },
    ]),
    EDGE_URL: credentials.edge,
    EDGE_TOKEN: credentials.tokens.publish,
    SIGNING_KEY: JSON.stringify(credentials.signingKey),
    ORIGIN_DATA: originFolder(folder),
    ORIGIN_RECIPE: recipe ?? "",
    ORIGIN_RECIPES: folder,
    ORIGIN_BACKEND: process.env.ORIGIN_BACKEND ?? "auto",
    ORIGIN_TRAINER: trainer ?? process.env.ORIGIN_TRAINER ?? "",
  };
}

function originFolder(folder: string): string {
  return join(folder, ".upriver", "origin");
}

function isServed(client: UpriverClient, model: string): Promise<boolean> {
  return client.model(model).then(
    () => true,
    () => false,
  );
}

function watchTraining({ child }: LocalProcess, onProgress: (line: string) => void): void {
  let said = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().split("\n").filter(Boolean)) {
      const event = parsed(line);
      if (event?.event === "training") {
        const line = `origin: training ${event.model} (${event.network}), epoch ${event.epoch} of ${event.epochs}`;
        // The origin reports twice a second.
        if (line !== said) onProgress(line);
        said = line;
      }
      if (event?.event === "published") onProgress(`origin: published ${event.model} version ${event.version}`);
    }
  });
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
