import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findPython } from "#origin/torch/python.ts";
import { readTorchSettings, type TorchSettings } from "#origin/torch/settings.ts";
import { systemPackages } from "./system-packages.ts";

/** How many GPUs PyTorch finds; it is not asked where there is no driver, since starting it takes seconds. */
export async function gpusHere(settings: TorchSettings | null): Promise<number> {
  if (!settings || !existsSync("/dev/nvidiactl")) return 0;
  const probe = ["-c", "import torch; print(torch.cuda.device_count())"];
  const { stdout } = await promisify(execFile)(await findPython(settings.python), probe);
  return Number(stdout);
}

/** The settings of PyTorch on this machine's CPU; null where no Python has it: then tests are skipped, and say so. */
export async function torchHere(): Promise<TorchSettings | null> {
  await systemPackages();
  const settings: TorchSettings = { ...readTorchSettings(process.env), device: "cpu" };
  try {
    await findPython(settings.python);
    return settings;
  } catch (error) {
    console.warn(`Tests of PyTorch are skipped. ${(error as Error).message}`);
    return null;
  }
}

/**
 * Starts a process that imports PyTorch once, and returns settings by which each training of one process is a fork of it.
 * Others start Python as ever.
 */
export async function forkedTorch(
  settings: TorchSettings,
  folder: string,
): Promise<{ settings: TorchSettings; stop: () => void }> {
  const python = await findPython(settings.python);
  const helper = join(import.meta.dirname, "forked-torch.py");
  const socket = join(folder, "torch.socket");
  const program = join(import.meta.dirname, "../../workers/origin/torch");
  const server = spawn(python, [helper, "serve", socket, program], { stdio: ["pipe", "pipe", "inherit"] });
  await Promise.race([
    once(server.stdout, "data"),
    once(server, "close").then(() => Promise.reject(new Error("PyTorch could not be started to fork it"))),
  ]);
  const command = join(folder, "python");
  await writeFile(command, `#!/bin/sh\nUPRIVER_FORKED_TORCH='${socket}' exec ${python} '${helper}' "$@"\n`);
  await chmod(command, 0o755);
  return { settings: { ...settings, python: command }, stop: () => void server.stdin.end() };
}
