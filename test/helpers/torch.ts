import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
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
