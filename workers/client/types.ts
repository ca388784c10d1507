import type {
  Answer,
  CertificateState,
  ClassifyManifest,
  Fold,
  HeadManifest,
  Instance,
  Job,
  ModelPointer,
  Rule,
  Run,
  SampleLine,
  TensorNetwork,
} from "../core/contract/index.ts";

export interface ModelSummary {
  model: string;
  stable: number | null;
  canary: ModelPointer["canary"];
  versions: number[];
}

/** A model as it is served: one that classifies, or one of tensors. */
export type ModelState =
  | ({ task: "classify" } & ServedModel & Pick<ClassifyManifest, "labels" | "policy" | "metrics">)
  | ({ task: "tensor" } & ServedModel & Pick<TensorNetwork, "inputs" | "outputs">);

interface ServedModel {
  model: string;
  pointer: ModelPointer;
  examples: Instance[];
}

export interface VersionList {
  versions: {
    version: number;
    /** `published` until every region has made its head for it, then `prepared`; `canary`, `stable`, `retired`. */
    state: string;
    createdAt: string;
    /** How well it does; null for a model of tensors. */
    metrics: ClassifyManifest["metrics"] | null;
    /** The regions that are not ready for it yet. */
    preparing: string[];
  }[];
  history: {
    at: number;
    action: string;
    version: number;
    share: number | null;
    region: string | null;
    reason: string | null;
  }[];
}

/** A retrain, and the region whose it is. */
export interface RegionRun extends Run {
  region: string;
}

export interface RegionState {
  region: string;
  base: number;
  /** The number of the region's head on its base version; null where the global one serves. */
  head: number | null;
  headManifest: HeadManifest | null;
  questions: { total: number; open: number };
  samples: Record<Fold, number>;
  newestSampleAt: number | null;
  breaker: "closed" | "open";
  retrainDueAt: number | null;
  lastRun: RegionRun | null;
  /** What the region's labels prove of its accept rule; null before the first question. */
  certificate: CertificateState | null;
  /** The rule as the region's labels have moved it; null where the version's holds still. */
  rule: Rule | null;
  /** The radius of recall once it is certified, and what was found last. */
  recall: { radius: number | null; report: { reason: string } } | null;
  /** The last look at the input. */
  drift: { at: number; alarm: boolean; p?: number; against: string } | null;
  /** Samples in R2. */
  archived: number;
  /** What the object keeps. */
  bytes: number;
}

/** Whom a version is rolled out to. */
export interface RolloutTarget {
  version: number;
  /** The share of the callers that a canary gets; all without it. */
  share?: number;
  /** Promoted or rolled back by itself: within a margin of error (a share of answers), and until a deadline. */
  watch?: boolean | { margin?: number; deadlineHours?: number };
}

/** What answers and trains above the edge. */
export interface OriginState {
  node: string;
  models: { model: string; version: number }[];
  /** What trains there; null where it only answers. `isSoftware`: the adapter is a program, no GPU. */
  backend: { name: "webgpu" | "wasm"; adapter: string | null; isSoftware: boolean } | null;
  /** Trainings that are not over. */
  jobs: Job[];
}

/** A page of labelled samples. */
export interface SamplePage {
  lines: SampleLine[];
  cursor: string;
  more: boolean;
}

/** An open question, leased to whoever asked for it. */
export interface ReviewQuestion {
  id: string;
  region: string;
  instance: Instance;
  provisional: Answer | null;
  queuedAt: number;
  leaseUntil: number;
}
