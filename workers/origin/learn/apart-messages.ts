import type { TrainingProgress } from "#core/contract/index.ts";
import type { BackendChoice } from "../backend/index.ts";
import type { RecipeOrder } from "../recipes/registry.ts";
import type { TrainerChoice } from "../torch/choose.ts";
import type { LearnResult, Published } from "./index.ts";

/** What the training process is asked to do. */
export interface LearnRequest {
  recipe: RecipeOrder;
  before: string | undefined;
  samplesFolder: string;
  checkpointsFolder: string;
  backend: BackendChoice;
  trainer: TrainerChoice;
  /** What PyTorch and the training process exchange. */
  torchFolder: string;
  current: Published | null;
}

/** What the training process is told while it trains: to save a checkpoint and end. */
export const stopMessage = "stop";

/** What the training process sends back. */
export type TrainingMessage =
  | { kind: "progress"; progress: TrainingProgress }
  | { kind: "done"; result: LearnResult }
  | { kind: "failed"; reason: string; code: string | null };
