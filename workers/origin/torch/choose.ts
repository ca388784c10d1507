import { join } from "node:path";
import type { TrainerName } from "#core/contract/index.ts";
import type { Recipe } from "../recipes/index.ts";
import type { Trainer } from "../train/trainer.ts";
import type { TorchSettings } from "./settings.ts";
import { torchTrainer } from "./trainer.ts";

/** The trainer that the origin or the command line sets, and the settings of PyTorch. */
export interface TrainerChoice {
  /** Overrides the recipe's trainer; null to use the recipe's. */
  trainer: TrainerName | null;
  torch: TorchSettings;
}

/** Returns the trainer of a recipe; null for TensorFlow.js in this process. */
export function trainerOf(
  { trainer: own = "tfjs" }: Pick<Recipe, "trainer">,
  { trainer, torch }: TrainerChoice,
  folder: string,
): (Trainer & { clear(): Promise<void> }) | null {
  return (trainer ?? own) === "torch" ? torchTrainer(torch, folder) : null;
}

/** Returns the folder of what PyTorch and the origin exchange in a training: below a mounted folder, or the checkpoints'. */
export function torchFolder({ folder }: TorchSettings, training: string, checkpointsFolder: string): string {
  return folder === null ? join(checkpointsFolder, "torch") : join(folder, training);
}
