import type { Column, Policy } from "../../core/contract/index.ts";

/** A labelled instance of a recipe's data. */
export interface Row {
  region: string;
  instance: Record<string, number | string | null>;
  label: string;
  /** Data time, ms since 1970. */
  at: number;
}

/** A column of the input; the trainer fills in what it learns from the data. */
export type ColumnPlan = { type: "number"; name: string } | Exclude<Column, { type: "number" }>;

/** A network as a recipe plans it. */
export interface NetworkPlan {
  columns: ColumnPlan[];
  /** Units of each hidden layer; the last is the embedding. */
  hidden: number[];
  /** Where its training differs from the recipe's. */
  training?: Partial<TrainingPlan>;
}

/** How a model is made: its task, labels, input, data, region key, networks, schedule and risk. */
export interface Recipe {
  name: string;
  summary: string;
  task: "classify";
  labels: string[];
  /** Where rows come from, in time order; `file` overrides the default place. */
  load(options: LoadOptions): Promise<Row[]>;
  /** Rows from this day on are not trained on, unless the caller says another. ISO date, or null for all. */
  trainBefore: string | null;
  policy: Policy;
  thin: NetworkPlan;
  full: NetworkPlan;
  targetRisk: number;
  /** The chance that a certificate may be wrong. */
  delta: number;
  training: TrainingPlan;
}

export interface TrainingPlan {
  epochs: number;
  /** Epochs without a better validation loss before training stops. */
  patience: number;
  batchSize: number;
  learningRate: number;
  seed: number;
  /** The share of full's scores in the targets of thin; the rest is the labels. */
  distil: number;
  /** L2 on the kernels: the loss has l2·ΣW² more; 0 is off. */
  l2: number;
  /** Heads for all regions that help to form the backbone and are then thrown away; null for none. */
  regionalHeads: RegionalHeadsPlan | null;
}

/** The training loss is (1 − share)·global + share·regional + l2·(mean over regions of |what a head adds to the global one|²). */
export interface RegionalHeadsPlan {
  share: number;
  l2: number;
}

export interface LoadOptions {
  file?: string | undefined;
}
