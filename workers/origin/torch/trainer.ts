import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Trainer } from "../train/trainer.ts";
import type { TorchResult } from "./exchange.ts";
import { fitInTorch } from "./fit.ts";
import type { TorchSettings } from "./settings.ts";

/**
 * Creates the trainer that runs PyTorch. A training that was interrupted continues if it gets the same folder again; without
 * a folder it starts over.
 */
export function torchTrainer(settings: TorchSettings, folder: string | null): Trainer & { clear(): Promise<void> } {
  let temporary: Promise<string> | null = null;
  let last: TorchResult | null = null;
  const rootOf = async () => {
    if (folder !== null) return folder;
    temporary ??= mkdtemp(join(tmpdir(), "upriver-torch-"));
    return temporary;
  };
  return {
    async fit(...order) {
      const { fitted, result } = await fitInTorch(settings, await rootOf(), order);
      last = result;
      return fitted;
    },
    describe: () => (last ? describeResult(last) : "PyTorch"),
    clear: async () => rm(await rootOf(), { recursive: true, force: true }),
  };
}

function describeResult({ torch, device, precision, processes }: TorchResult): string {
  const several = processes === 1 ? "" : `, ${processes} processes`;
  return `PyTorch ${torch}: ${device}, ${precision}${several}`;
}
