import type { Answer, Fold, Instance, Manifest, ModelPointer, Run } from "../core/contract/index.ts";

export interface ModelSummary {
  model: string;
  stable: number | null;
  canary: ModelPointer["canary"];
  versions: number[];
}

export interface ModelState {
  model: string;
  pointer: ModelPointer;
  labels: string[];
  policy: Manifest["policy"];
  examples: Manifest["examples"];
  metrics: Manifest["metrics"];
}

export interface VersionList {
  versions: { version: number; state: string; createdAt: string; metrics: Manifest["metrics"] }[];
  history: { at: number; action: string; version: number; share: number | null; region: string | null }[];
}

/** A retrain, and the region whose it is. */
export interface RegionRun extends Run {
  region: string;
}

export interface RegionState {
  region: string;
  base: number;
  head: number | null;
  questions: { total: number; open: number };
  samples: Record<Fold, number>;
  newestSampleAt: number | null;
  breaker: "closed" | "open";
  retrainDueAt: number | null;
  lastRun: RegionRun | null;
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
