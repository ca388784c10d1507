import type { Column, ImageInput, Instance, Policy } from "#core/contract/index.ts";

/** A labelled instance of a recipe's data. */
export interface Row {
  region: string;
  /** May be made anew each time it is read, so that data sets need not be in memory as instances. */
  readonly instance: Instance;
  label: string;
  /** Data time, ms since 1970. */
  at: number;
}

/** A column of the input; the trainer fills in what it learns from the data. */
export type ColumnPlan = { type: "number"; name: string } | Exclude<Column, { type: "number" }>;

/** An input as a recipe plans it. */
export type InputPlan = { kind: "features"; columns: ColumnPlan[] } | ImageInput;

/** A hidden layer; all but pools are followed by relu. */
export type LayerPlan =
  | { type: "dense"; units: number }
  | { type: "conv"; filters: number; size: number; stride?: number }
  | { type: "pool"; size: number };

/** A network as a recipe plans it. */
export interface NetworkPlan {
  input: InputPlan;
  /** The hidden layers; the last is dense and gives the embedding. */
  layers: LayerPlan[];
  /** How the weights are stored. */
  weights?: WeightType;
  /** The share of each kernel's weights, the smallest, that is set to zero and stays so; 0 is off. */
  prune?: number;
  /** Where its training differs from the recipe's. */
  training?: Partial<TrainingPlan>;
}

/** How a backbone's weights are stored: TensorFlow.js's own forms. */
export const weightTypes = ["float32", "float16", "uint8"] as const;
export type WeightType = (typeof weightTypes)[number];

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
  /** The share of callers that try a new version before all get it; null where all get it when their regions are ready. */
  canary: { share: number } | null;
  /** What a label from below weighs in training against one of the recipe's own rows; 1 unless given. */
  sourceWeights?: Partial<Record<"truth" | "human", number>>;
  /** What the thin network may cost; `upriver thin` searches within it. */
  budget: Budget;
  targetRisk: number;
  /** The chance that a certificate may be wrong. */
  delta: number;
  training: TrainingPlan;
}

/** Limits of a thin network; null is none. */
export interface Budget {
  /** Bytes to transfer: backbone and head as stored. */
  bytes: number | null;
  /** Milliseconds a question, as measured by the edge's engine. */
  ms: number | null;
  /** Points of accuracy (0 to 1) that may be lost against full. */
  accuracy: number | null;
}

export interface TrainingPlan {
  epochs: number;
  /** Epochs without a better validation loss before training stops. */
  patience: number;
  batchSize: number;
  /** The rate at the start; it falls along a half cosine. */
  learningRate: number;
  seed: number;
  /** The share of full's scores in the targets of thin; the rest is the labels. */
  distil: number;
  /** The temperature at which thin learns full's scores. */
  distilTemperature: number;
  /** L2 on the kernels: the loss has l2·ΣW² more; 0 is off. */
  l2: number;
  /** The share of rows whose region is hidden, anew each epoch, so that an unknown region has a meaning too. */
  regionDropout: number;
  /** What is done to images at random. */
  augment: Augmentation | null;
  /** Heads for all regions that help to form the backbone and are then thrown away; null for none. */
  regionalHeads: RegionalHeadsPlan | null;
}

/** Mirrored left to right or not, and moved by up to `shift` pixels each way. */
export interface Augmentation {
  mirror: boolean;
  shift: number;
}

/** The training loss is (1 − share)·global + share·regional + l2·(mean over regions of |what a head adds to the global one|²). */
export interface RegionalHeadsPlan {
  share: number;
  l2: number;
}

export interface LoadOptions {
  /** A file, or a folder where the recipe's data is one. */
  file?: string | undefined;
}
