import type { ClassifyManifest, NetworkSpec, OwnThinKind, SampleLine } from "#core/contract/index.ts";
import type { StoredRecipe } from "../recipes/stored.ts";
import type { TrainedModel, TrainOptions } from "../train/index.ts";
import type { Blobs } from "../train/pack.ts";
import type { TrainingVerdict } from "./compare.ts";

/** A published thin network with its blobs. */
export interface Published {
  spec: NetworkSpec;
  /** The thin networks of other kinds of rungs. */
  own?: { [K in OwnThinKind]?: NetworkSpec };
  blobs: Blobs;
  /** What it was trained on, and how that was split. */
  trained: Pick<ClassifyManifest, "splits" | "trainedOn" | "labels" | "number">;
}

export interface LearnOptions extends TrainOptions {
  samples: Iterable<SampleLine>;
  /** The version that serves now; null when there is none. */
  current: Published | null;
  /** The recipe as the registry has it already; null to store it with the version. */
  stored: StoredRecipe | null;
}

/** A trained model, and whether it may replace the current version. */
export interface LearnResult {
  artefact: TrainedModel;
  /** Null where there is no version to compare with. */
  verdict: TrainingVerdict | null;
}
