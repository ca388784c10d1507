import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { findPython } from "./python.ts";
import type { TorchSettings } from "./settings.ts";

const program = join(import.meta.dirname, "train.py");
/** How often torchrun starts processes again after one has died. */
const restartsMax = 3;
const outputMaxChars = 4_000;

/** What fills the places of a command template. */
export interface CommandPlaces {
  folder: string;
  /** A name for the job that no other has: lower-case letters, digits and hyphens. */
  name: string;
  processes: number;
}

/** A training that was started. */
export interface Launched {
  /** The exit status of what was started, and the end of its output. */
  ended: Promise<{ code: number | null; output: string }>;
  /** Ends the processes on this machine at once. */
  kill(): void;
}

/** Starts the program for the plan in a folder: on this machine, there in several processes, or by a command. */
export async function launch(settings: TorchSettings, places: CommandPlaces): Promise<Launched> {
  const { command, cancelCommand } = settings;
  if (command === null) return follow(await startHere(settings, places));
  // Read by `cancelLaunched`, when this process is gone.
  const cancel = cancelCommand === null ? null : fill(cancelCommand, places);
  await writeFile(join(places.folder, "launched.json"), JSON.stringify({ cancel }));
  return follow(spawn("sh", ["-c", fill(command, places)], { stdio: ["ignore", "pipe", "pipe"], detached: true }));
}

/** Fills {folder}, {name}, {processes} and {program} of a command template; values are quoted for the shell. */
export function fill(template: string, { folder, name, processes }: CommandPlaces): string {
  const values: Record<string, string> = { folder, name, processes: String(processes), program };
  return template.replace(/\{(\w+)\}/g, (place, key: string) => {
    const value = values[key];
    return value === undefined ? place : quoted(value);
  });
}

function quoted(value: string): string {
  return /^[\w./:@=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

async function startHere(settings: TorchSettings, { folder, processes }: CommandPlaces): Promise<ChildProcess> {
  const command = await findPython(settings.python);
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  const env = {
    ...process.env,
    // The program ends when this process does.
    UPRIVER_WATCH_PID: String(process.pid),
    ...(processes > 1 ? { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? String(threads) } : {}),
  };
  const args =
    processes === 1
      ? [program, folder]
      : [
          // With other settings of its logs, torchrun 1.13 fails on Python 3.11.
          ...["-m", "torch.distributed.run", "-r", "1", "-t", "1", "--log_dir", join(folder, "logs")],
          ...["--nnodes", "1", "--nproc_per_node", String(processes), "--max_restarts", String(restartsMax)],
          ...["--monitor_interval", "1"],
          ...["--rdzv_backend", "c10d", "--rdzv_endpoint", `127.0.0.1:${await freePort()}`, program, folder],
        ];
  // A group of its own, so that all its processes can be ended.
  return spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true });
}

function follow(child: ChildProcess): Launched {
  let output = "";
  const add = (chunk: Buffer) => {
    output = `${output}${chunk}`.slice(-outputMaxChars);
  };
  child.stdout?.on("data", add);
  child.stderr?.on("data", add);
  const kill = () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  };
  process.once("exit", kill);
  const ended = once(child, "close").then(
    ([code]) => ({ code: code as number | null, output }),
    (error: Error) => ({ code: null, output: error.message }),
  );
  void ended.then(() => process.removeListener("exit", kill));
  return { ended, kill };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
