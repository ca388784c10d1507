import type { TrainingProgress } from "#core/contract/index.ts";
import type { BackendChoice } from "../backend/index.ts";
import type { LearnResult, Published } from "./index.ts";

/** What a training process is told. */
export interface LearnRequest {
  recipe: string;
  before: string | undefined;
  samplesFolder: string;
  checkpointsFolder: string;
  backend: BackendChoice;
  current: Published | null;
}

/** What the training process says. */
export type TrainingMessage =
  | { kind: "progress"; progress: TrainingProgress }
  | { kind: "done"; learned: LearnResult }
  | { kind: "failed"; reason: string };
