import type { Answer, Fold, Instance, LabelSource, Manifest, ModelPointer } from "../core/contract/index.ts";

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

/** One retrain of a region. */
export interface Run {
  id: string;
  region: string;
  base: number;
  status: "running" | "promoted" | "refused" | "skipped" | "failed";
  reason: string | null;
  report: Record<string, unknown> | null;
  at: number;
  startedAt: number;
  finishedAt: number | null;
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
  lastRun: Run | null;
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

export interface Taught {
  id: string;
  label: string;
  source: LabelSource;
  fold: Fold;
  changed: boolean;
}
