import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { UpriverClient } from "../../workers/client/index.ts";
import { type Credentials, ensureSecrets, hashed } from "./secrets.ts";

export const root = join(import.meta.dirname, "../..");
const readyTimeoutMs = 120_000;
const stopTimeoutMs = 5_000;
const pollMs = 150;

export interface LadderOptions {
  /** Where secrets, logs and data live; the project's own folder for `npm start`. */
  folder: string;
  ports: { edge: number; origin: number };
  /** The recipe that the origin trains and publishes when the edge has no such model; null for none. */
  recipe: string | null;
  onProgress?: (line: string) => void;
  /** Called when a part stops that should run. */
  onDeath?: (part: string, log: string) => void;
}

/** A running edge and origin. */
export interface Ladder {
  credentials: Credentials;
  client: (scope: keyof Credentials["tokens"]) => UpriverClient;
  startOrigin: () => Promise<void>;
  stopOrigin: () => Promise<void>;
  /** Deletes what the origin keeps on disk: all of it is in R2. */
  loseOriginDisk: () => Promise<void>;
  stop: () => Promise<void>;
}

interface Part {
  name: string;
  child: ChildProcess;
  log: string;
  isStopping: boolean;
}

/** Brings up the whole ladder: the edge in workerd with local R2, KV and objects, and the origin beside it. */
export async function startLadder(options: LadderOptions): Promise<Ladder> {
  const { folder, ports, recipe, onProgress = () => {}, onDeath } = options;
  await checkPort(ports.edge, "UPRIVER_PORT");
  await checkPort(ports.origin, "UPRIVER_ORIGIN_PORT");
  const credentials = await ensureSecrets(folder, ports);
  const client = (scope: keyof Credentials["tokens"]) =>
    new UpriverClient({ url: credentials.edge, token: credentials.tokens[scope] });

  onProgress("edge: starting");
  const edge = await startEdge({ folder, port: ports.edge, ...(onDeath ? { onDeath } : {}) });
  onProgress("edge: ready");
  let origin: Part | null = null;
  const startOrigin = async () => {
    origin = await startPart({
      name: "origin",
      command: bin("node"),
      args: [join(root, "workers/origin/index.ts")],
      env: await originEnvironment(credentials, options),
      folder,
      onDeath,
    });
    watchTraining(origin, onProgress);
    await until(origin, `${credentials.origin}/readyz`);
  };
  const stopOrigin = async () => {
    if (origin) await endPart(origin);
  };
  const stop = async () => {
    await stopOrigin();
    await edge.stop();
  };
  try {
    await startOrigin();
    if (recipe) await untilServed(origin, client("ask"), recipe);
    onProgress("origin: ready");
  } catch (error) {
    await stop();
    throw error;
  }
  const loseOriginDisk = () => rm(originFolder(folder), { recursive: true, force: true });
  return { credentials, client, startOrigin, stopOrigin, loseOriginDisk, stop };
}

export interface EdgeOptions {
  /** Where `.dev.vars`, logs and data live. */
  folder: string;
  port: number;
  /** Another worker than the edge: its wrangler configuration. */
  config?: string;
  /** What says that it is ready; any answer under 500 will do. */
  readyPath?: string;
  onDeath?: LadderOptions["onDeath"];
}

/** Starts a worker in workerd, by wrangler, and waits until it answers. */
export async function startEdge(options: EdgeOptions): Promise<{ stop: () => Promise<void> }> {
  const { folder, port, config = join(root, "wrangler.toml"), readyPath = "/readyz", onDeath } = options;
  const args = ["dev", "--config", config, "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  args.push("--persist-to", join(folder, ".wrangler", "state"), "--show-interactive-dev-session=false");
  const vars = join(folder, ".dev.vars");
  if (folder !== root && existsSync(vars)) args.push("--env-file", vars);
  const env = { WRANGLER_SEND_METRICS: "false", CI: "1" };
  const edge = await startPart({ name: "edge", command: bin("wrangler"), args, env, folder, onDeath });
  try {
    await until(edge, `http://127.0.0.1:${port}${readyPath}`);
  } catch (error) {
    await endPart(edge);
    throw error;
  }
  return { stop: () => endPart(edge) };
}

/** Throws, naming the option, when a port is taken. */
export async function checkPort(port: number, option: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", () => {
      reject(new Error(`Port ${port} is taken. Stop what uses it, or choose another: ${option}=<port> npm start`));
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve()));
  });
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** A program of the project's own dependencies. */
export function bin(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

async function originEnvironment(credentials: Credentials, { folder, ports, recipe }: LadderOptions) {
  return {
    ORIGIN_PORT: String(ports.origin),
    ORIGIN_TOKENS: JSON.stringify([{ ...(await hashed("ask", credentials.originToken)), id: "edge" }]),
    EDGE_URL: credentials.edge,
    EDGE_TOKEN: credentials.tokens.publish,
    SIGNING_KEY: JSON.stringify(credentials.signingKey),
    ORIGIN_DATA: originFolder(folder),
    ORIGIN_RECIPE: recipe ?? "",
  };
}

function originFolder(folder: string): string {
  return join(folder, ".upriver", "origin");
}

interface PartOptions {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  folder: string;
  onDeath: LadderOptions["onDeath"] | undefined;
}

async function startPart({ name, command, args, env, folder, onDeath }: PartOptions): Promise<Part> {
  await mkdir(join(folder, ".upriver"), { recursive: true });
  const log = join(folder, ".upriver", `${name}.log`);
  const path = `${join(root, "node_modules", ".bin")}:${process.env.PATH}`;
  // A group of its own: a Ctrl-C reaches us alone, and we end the parts in order.
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const file = createWriteStream(log, { mode: 0o600 });
  child.stdout?.pipe(file);
  child.stderr?.pipe(file);
  const part: Part = { name, child, log, isStopping: false };
  child.once("exit", () => {
    if (!part.isStopping) onDeath?.(name, log);
  });
  return part;
}

async function endPart(part: Part): Promise<void> {
  part.isStopping = true;
  const { child } = part;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  signal(child, "SIGTERM");
  const timer = setTimeout(() => signal(child, "SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
  // What it started itself, workerd for one, may outlive it.
  signal(child, "SIGKILL");
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid) process.kill(-child.pid, name);
  } catch {
    // The group is gone already.
  }
}

async function until(part: Part, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline) {
    if (part.child.exitCode !== null) break;
    const isReady = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.status < 500,
      () => false,
    );
    if (isReady) return;
    await pause();
  }
  throw new Error(`The ${part.name} did not start. The end of ${part.log}:\n${await tail(part.log)}`);
}

async function untilServed(origin: Part | null, client: UpriverClient, model: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline && origin?.child.exitCode === null) {
    const isServed = await client.model(model).then(
      () => true,
      () => false,
    );
    if (isServed) return;
    await pause();
  }
  throw new Error(`'${model}' was not published. The log of the origin, .upriver/origin.log, says why.`);
}

function watchTraining({ child }: Part, onProgress: (line: string) => void): void {
  child.stdout?.on("data", (chunk: Buffer) => {
    for (const line of chunk.toString().split("\n").filter(Boolean)) {
      const event = parsed(line);
      if (event?.event === "training") {
        onProgress(`origin: training ${event.model} (${event.network}), epoch ${event.epoch} of ${event.epochs}`);
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

/** The last lines of a log. */
export async function tail(path: string, lines = 15): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "(no log)");
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs));
}
