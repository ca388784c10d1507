import type { Column, ImageInput, Instance, Policy } from "#core/contract/index.ts";

/** A labelled instance of a recipe's data. */
export interface Row {
  region: string;
  /** May be computed at each read, so that a data set need not be in memory as instances. */
  readonly instance: Instance;
  label: string;
  /** Data time, ms since 1970. */
  at: number;
}

/** A column of the input; mean and deviation of a number are fitted by the trainer. */
export type ColumnPlan = { type: "number"; name: string } | Exclude<Column, { type: "number" }>;

/** An input, before it is fitted on data. */
export type InputPlan = { kind: "features"; columns: ColumnPlan[] } | ImageInput;

/** A hidden layer; relu follows all but pools. */
export type LayerPlan =
  | { type: "dense"; units: number }
  | { type: "conv"; filters: number; size: number; stride?: number }
  | { type: "pool"; size: number };

/** A network before training. */
export interface NetworkPlan {
  input: InputPlan;
  /** The hidden layers; the last is dense and outputs the embedding. */
  layers: LayerPlan[];
  /** How the weights are stored; float32 unless given. */
  weights?: WeightType;
  /** The share of each kernel's weights, the smallest, that is pruned to zero; 0 is off. */
  prune?: number;
  /** Overrides of the recipe's training plan. */
  training?: Partial<TrainingPlan>;
}

/** How a backbone's weights are stored: TensorFlow.js's own types. */
export const weightTypes = ["float32", "float16", "uint8"] as const;
export type WeightType = (typeof weightTypes)[number];

/** Everything that defines a model: task, labels, input, data, regions, networks, schedule and risk. */
export interface Recipe {
  name: string;
  summary: string;
  task: "classify";
  labels: string[];
  /** Loads the rows in time order; `file` overrides the default place. */
  load(options: LoadOptions): Promise<Row[]>;
  /** Rows from this day on are not trained on, unless the caller gives another day. ISO date, or null for all rows. */
  trainBefore: string | null;
  policy: Policy;
  thin: NetworkPlan;
  full: NetworkPlan;
  /** The share of callers that a new version serves first; null to serve all callers once their regions are ready. */
  canary: { share: number } | null;
  /** The weight of a region's label in training, relative to the recipe's own rows; 1 unless given. */
  sourceWeights?: Partial<Record<"truth" | "human", number>>;
  /** Limits of the thin network, for `upriver thin`. */
  budget: Budget;
  targetRisk: number;
  /** The probability that a certificate may be wrong. */
  delta: number;
  training: TrainingPlan;
}

/** Limits of a thin network; null is no limit. */
export interface Budget {
  /** Bytes to transfer: backbone and head in their stored form. */
  bytes: number | null;
  /** Milliseconds for one question on the edge's engine. */
  ms: number | null;
  /** Accuracy (0 to 1) that may be lost compared with full. */
  accuracy: number | null;
}

/** The hyperparameters of a training. */
export interface TrainingPlan {
  epochs: number;
  /** Epochs without a lower validation loss before training stops. */
  patience: number;
  batchSize: number;
  /** The initial learning rate; it falls along a half cosine. */
  learningRate: number;
  seed: number;
  /** The share of full's scores in thin's targets; the labels have the rest. */
  distil: number;
  /** The temperature of full's scores when thin is distilled. */
  distilTemperature: number;
  /** L2 regularisation of the kernels: l2·ΣW² is added to the loss; 0 is off. */
  l2: number;
  /** The share of rows whose region is hidden in each epoch, so that the network learns to answer for unknown regions. */
  regionDropout: number;
  /** Random changes of images; null for none. */
  augment: Augmentation | null;
  /** Heads for all regions that shape the backbone and are discarded after training; null for none. */
  regionalHeads: RegionalHeadsPlan | null;
}

/** Images are mirrored left to right or not, and shifted by up to `shift` pixels in each direction. */
export interface Augmentation {
  mirror: boolean;
  shift: number;
}

/** The training loss is (1 − share)·global + share·regional + l2·(mean over regions of |head − global head|²). */
export interface RegionalHeadsPlan {
  share: number;
  l2: number;
}

export interface LoadOptions {
  /** The data's file or folder; the recipe's own place unless given. */
  file?: string | undefined;
}
