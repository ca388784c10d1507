import type {
  Budget,
  ColumnPlan,
  ImageInput,
  Instance,
  LayerPlan,
  NetworkKind,
  NumberScale,
  NumberTask,
  OwnThinKind,
  Policy,
  RecipeDocument,
  TensorInput,
  TrainableDocument,
  TrainerName,
  TrainingPlan,
  WeightType,
} from "#core/contract/index.ts";

/** A labelled instance of a recipe's data. */
export interface Row {
  region: string;
  /** May be computed at each read, so that a data set need not be in memory as instances. */
  readonly instance: Instance;
  label: string;
  /** Data time, ms since 1970; 0 where rows have no time. */
  at: number;
  /** The number of the row in its file, from 1; absent for rows that come from no file. */
  readonly number?: number;
}

/** The columns of named values, before they are fitted on data. */
export interface FeaturesPlan {
  kind: "features";
  columns: (ColumnPlan | { type: "region"; values: string[] })[];
  /** The scale of numbers whose columns name none; the best on validation rows unless given. */
  scale?: NumberScale | undefined;
  /** Whether a question may lack columns that every training row has. */
  missing: "allow" | "refuse";
}

/** An input, before it is fitted on data. */
export type InputPlan = FeaturesPlan | ImageInput | TensorInput;

/** What a network is built of. */
export interface NetworkForm {
  kind: NetworkKind;
  /** The hidden layers; the last is dense and outputs the embedding. A linear network has none. */
  layers: readonly LayerPlan[];
  /** Members of an ensemble. */
  members?: number | undefined;
}

/** A form that is trained too: the best on validation rows is taken. */
export interface Rival extends NetworkForm {
  /** Overrides of the network's training plan. */
  training?: Partial<TrainingPlan> | undefined;
}

/** A network before training. */
export interface NetworkPlan extends NetworkForm {
  input: InputPlan;
  rivals: readonly Rival[];
  /** How the weights are stored; float32 unless given. */
  weights?: WeightType | undefined;
  /** The share of each kernel's weights, the smallest, that is pruned to zero; 0 is off. */
  prune?: number | undefined;
  /** Overrides of the recipe's training plan. */
  training?: Partial<TrainingPlan> | undefined;
}

/** The thin network of one kind of rung, before training. */
export interface OwnThinPlan extends NetworkPlan {
  /** The most bytes to transfer; null for no limit. */
  bytes: number | null;
  /** Whether its layers are scaled to fit the bytes. */
  isScaled: boolean;
}

/** What a recipe says of the numbers that it predicts. */
export interface NumberPlan {
  /** An error is an answer further than this from the truth. */
  tolerance: number;
  /** The share of truths that intervals are to cover. */
  coverage: number;
  unit?: string | undefined;
  /** How many bins are fitted; the usual number unless given. */
  bins?: number | undefined;
}

/** Everything that defines a model: task, labels, input, data, regions, networks, schedule and risk. */
export interface Recipe {
  name: string;
  summary: string;
  task: "classify" | "regress";
  /** The labels; of numbers the names of their bins, none until those are fitted on training rows. */
  labels: string[];
  /** Null where labels are predicted. */
  numbers: NumberPlan | null;
  /** Set once the bins are fitted. */
  number?: NumberTask;
  /** Loads the rows, in time order if they have a time; `file` overrides the default place. */
  load(options: LoadOptions): Promise<Row[]>;
  /** Whether rows have a time. Without one they are exchangeable. */
  isTimed: boolean;
  /** Rows from this day on are not trained on, unless the caller gives another day. ISO date, or null for all rows. */
  trainBefore: string | null;
  /** Days until the label of a question is known. */
  labelDelayDays: number;
  policy: Policy;
  thin: NetworkPlan;
  /** Thin networks of other kinds of rungs. */
  thins: { [K in OwnThinKind]?: OwnThinPlan };
  full: NetworkPlan;
  /** The share of callers that a new version serves first; null to serve all callers once their regions are ready. */
  canary: { share: number } | null;
  /** The weight of a region's label in training, relative to the recipe's own rows; 1 unless given. */
  sourceWeights?: Partial<Record<"truth" | "human", number>>;
  /** Limits of thin networks, for `upriver thin`; the accuracy is also one of other kinds of rungs' networks. */
  budget: Budget;
  targetRisk: number;
  /** The probability that a certificate may be wrong. */
  delta: number;
  /** The labels whose own risks must be at most the target too. */
  perClass: string[];
  training: TrainingPlan;
  /** What trains it, if the document says so. */
  trainer?: TrainerName;
  /** The document that it was made from, with everything that was inferred from the data. */
  document: TrainableDocument;
}

export interface LoadOptions {
  /** The data's file or folder; the recipe's own place unless given. */
  file?: string | undefined;
  /** Reports how many rows have been read. */
  onRows?: (rows: number) => void;
  /** Whether rows that are to be trained on are checked first: dirty data is refused. */
  isChecked?: boolean;
}

/** A document, and the folder that its paths are relative to. */
export interface FoundDocument {
  document: RecipeDocument;
  folder: string;
}

/** A recipe's document in which nothing has to be inferred from data any more. */
export type CompleteDocument = Omit<TrainableDocument, "label" | "input"> & {
  /** Numbers have no `values`. */
  label: Exclude<TrainableDocument["label"], string>;
  input: NonNullable<TrainableDocument["input"]>;
};
