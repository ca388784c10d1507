import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { root } from "../local/process.ts";
import { bundle, settingsOf } from "../local/workerd.ts";
import { nodeConfig } from "./config.ts";

export interface NodeOptions {
  /** The folder of everything that the node stores. */
  data: string;
  host: string;
  port: number;
  /** Settings and secrets of the Worker, by name. */
  settings: Record<string, string>;
  onLog?: (line: string) => void;
  /** Called with the number of workerd's process, before it answers. */
  onSpawn?: (pid: number) => Promise<void>;
  /** The program to run; by default the workerd of this installation. */
  program?: string;
}

/** A node that runs. */
export interface RunningNode {
  pid: number;
  /** Resolves with why it ended. */
  ended: Promise<string>;
  stop: () => Promise<void>;
}

const readyMs = 30_000;
/** How long requests under way may take once it is told to stop. */
const stopMs = 10_000;
const pollMs = 50;

/** Starts a node on plain workerd, and waits until it answers. Throws, with what to do, where it can't start. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { data, host, port, settings, onLog, onSpawn, program = workerdPath() } = options;
  const bundled = await bundle("workers/node/node.toml");
  const own = { ...(await settingsOf(await bundle("wrangler.toml"))), ...settings };
  const objects = join(data, "objects");
  await mkdir(objects, { recursive: true });
  const config = join(data, "workerd.capnp");
  const console = join(root, "workers/console/dist");
  await writeFile(config, await nodeConfig({ bundled, console, objects, host, port, variables: Object.keys(own) }));
  const child = spawn(program, ["serve", "--import-path=/", config], {
    env: { ...process.env, ...own },
    stdio: ["ignore", "pipe", "pipe"],
    // In its own process group, Ctrl-C does not reach it: it is stopped in order.
    detached: true,
  });
  let last = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (chunk: Buffer) => {
      last = (last + chunk).slice(-4_000);
    });
    createInterface({ input: output }).on("line", (line) => onLog?.(line));
  }
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(String(error)));
    child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const stop = async () => {
    child.kill();
    const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), stopMs);
    await ended;
    clearTimeout(timer);
  };
  // This process may end before workerd does, by an error.
  const onExit = () => child.kill("SIGKILL");
  process.once("exit", onExit);
  void ended.then(() => process.removeListener("exit", onExit));
  if (child.pid !== undefined) await onSpawn?.(child.pid);
  await untilReady(`http://${host}:${port}`, ended, () => last).catch(async (error) => {
    await stop();
    throw error;
  });
  return { pid: child.pid as number, ended, stop };
}

/** The program itself: the file of that name in `bin` is a script where npm ran no scripts of packages. */
function workerdPath(): string {
  return createRequire(import.meta.url)("workerd").default;
}

async function untilReady(url: string, ended: Promise<string>, last: () => string): Promise<void> {
  const until = Date.now() + readyMs;
  let end: string | null = null;
  void ended.then((why) => {
    end = why;
  });
  for (;;) {
    if (end !== null) throw new Error(`The node ended at its start (${end}). ${hintOf(last())}`);
    const ready = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(readyMs) }).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    if (Date.now() > until)
      throw new Error(`The node at ${url} did not answer within ${readyMs / 1_000} s. It said last:\n${last()}`);
    await setTimeout(pollMs);
  }
}

/** Says what to do about the ends that are known. */
function hintOf(output: string): string {
  if (output.includes("MmapAligned() failed")) {
    return (
      "This machine's kernel gives programs 39 bits of address space, and workerd needs 48 (workerd#5020): Raspberry Pi OS and some " +
      "others. Install a kernel with 48 bits, such as Debian's or Ubuntu's for arm64."
    );
  }
  if (/address already in use/i.test(output)) return "Another program listens on its port: choose another with --port.";
  return `It said last:\n${output.trim()}`;
}
