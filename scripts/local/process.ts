import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, extname, join } from "node:path";
import { RotatedLog } from "./rotated-log.ts";

/** The folder of Upriver's own code: the repository, or the built code of the installed package. */
export const root = join(import.meta.dirname, "../..");

const extension = extname(import.meta.filename);
/** Whether this is the installed package, whose code is built. */
export const isInstalled = extension === ".js";

/** The commands that start the local ladder and delete its state. */
export const startCommand = isInstalled ? "npx upriver dev" : "npm start";
export const resetCommand = isInstalled ? "rm -r .upriver .wrangler/state .dev.vars" : "npm run reset";

/** The Worker as the package bundles it. */
export const bundledWorker = join(root, "bundles", "wrangler", "index.js");

/** The path of a program of Upriver's, named without its extension. */
export function program(name: string): string {
  return join(root, `${name}${extension}`);
}

const readyTimeoutMs = 120_000;
const stopTimeoutMs = 5_000;
const pollMs = 150;

/** A process of the local ladder: the edge or the origin. */
export interface LocalProcess {
  name: string;
  child: ChildProcess;
  log: string;
  isStopping: boolean;
}

export interface LocalProcessOptions {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  folder: string;
  /** Called when the process ends without `stopProcess`. */
  onDeath?: ((name: string, log: string) => void) | undefined;
}

/** Starts a process; its output goes to `.upriver/{name}.log` in the folder. */
export async function startProcess({
  name,
  command,
  args,
  env,
  folder,
  onDeath,
}: LocalProcessOptions): Promise<LocalProcess> {
  await mkdir(join(folder, ".upriver"), { recursive: true });
  const log = join(folder, ".upriver", `${name}.log`);
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  // In its own process group, Ctrl-C does not reach it: we stop the processes in order.
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const file = new RotatedLog(log);
  for (const output of [child.stdout, child.stderr]) output?.on("data", (chunk: Buffer) => file.write(chunk));
  const local: LocalProcess = { name, child, log, isStopping: false };
  child.once("exit", () => {
    file.close();
    if (!local.isStopping) onDeath?.(name, log);
  });
  return local;
}

/** Stops a process and its children. */
export async function stopProcess(local: LocalProcess): Promise<void> {
  local.isStopping = true;
  const { child } = local;
  if (isGone(local)) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  signal(child, "SIGTERM");
  const timer = setTimeout(() => signal(child, "SIGKILL"), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
  // Its children, such as workerd, may outlive it.
  signal(child, "SIGKILL");
}

/** Waits until a process answers at a URL. Throws the end of its log when it does not. */
export async function untilReady(local: LocalProcess, url: string): Promise<void> {
  await poll(local, () =>
    fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.status < 500,
      () => false,
    ),
  );
}

/** Waits until a check holds. Throws the end of the process's log when it stops or takes too long. */
export async function poll(local: LocalProcess, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  while (Date.now() < deadline && !isGone(local)) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`The ${local.name} did not start. The end of its log (${local.log}):\n${await tail(local.log)}`);
}

/** Reads the last lines of a log. */
export async function tail(path: string, lines = 15): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "(the log is empty)");
  return text.trimEnd().split("\n").slice(-lines).join("\n");
}

/** The path of a dependency's program, wherever npm installed it; Node runs it. */
export function bin(name: string, dependency = name): string {
  const manifest = createRequire(import.meta.url).resolve(`${dependency}/package.json`);
  const { bin: programs } = JSON.parse(readFileSync(manifest, "utf8")) as { bin: string | Record<string, string> };
  return join(dirname(manifest), typeof programs === "string" ? programs : (programs[name] as string));
}

function isGone({ child }: LocalProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid) process.kill(-child.pid, name);
  } catch {
    // The process group has ended already.
  }
}
