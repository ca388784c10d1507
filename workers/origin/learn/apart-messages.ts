import type { TrainingProgress } from "#core/contract/index.ts";
import type { BackendChoice } from "../backend/index.ts";
import type { Learned, Published } from "./index.ts";

/** What a training process is told. */
export interface LearnOrder {
  recipe: string;
  before: string | undefined;
  samplesFolder: string;
  checkpointsFolder: string;
  backend: BackendChoice;
  current: Published | null;
}

/** What the training process says. */
export type Message =
  | { kind: "progress"; progress: TrainingProgress }
  | { kind: "done"; learned: Learned }
  | { kind: "failed"; reason: string };
