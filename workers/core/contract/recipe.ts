import * as z from "zod";
import { rungSchema } from "./answer.ts";
import { externalRungSchema } from "./external-rung.ts";
import { fieldNameExpected, isFieldName } from "./field-name.ts";
import { dateParts, imageInputSchema, tensorInputSchema, termsMax } from "./input.ts";
import { atLimits, blobRefSchema, groupBySchema, modelNameSchema, policySchema } from "./manifest.ts";
import { regionSchema } from "./region.ts";
import { tensorSpecSchema } from "./tensor.ts";

const columnName = z.string().min(1).max(128).refine(isFieldName, fieldNameExpected);

export const numberScales = ["standard", "log", "quantile"] as const;
/** How a number column is scaled. */
export type NumberScale = (typeof numberScales)[number];

/** The columns of a recipe's input. What is left out is fitted on the training rows. */
const columnPlanSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("number"),
    name: columnName,
    /** The value of a missing one; the mean unless given. */
    missing: z.number().optional(),
    /** Values outside are moved to the nearer end. */
    clip: z.tuple([z.number(), z.number()]).optional(),
    /** How it is scaled; as the input says unless given. */
    scale: z.enum(numberScales).optional(),
    /** The same as `"scale": "log"`. */
    log: z.literal(true).optional(),
  }),
  z.strictObject({ type: z.literal("boolean"), name: columnName }),
  z.strictObject({ type: z.literal("cycle"), name: columnName, period: z.number().positive() }),
  z.strictObject({ type: z.literal("date"), name: columnName, parts: z.array(z.enum(dateParts)).min(1).optional() }),
  z.strictObject({
    type: z.literal("category"),
    name: columnName,
    /** The values that have a weight each; those of at least two training rows unless given. */
    values: z.array(z.string()).min(1).optional(),
    /** Whether values that are not listed are answered too; true unless `values` is given. */
    other: z.boolean().optional(),
    /** The encoding of each value; one-hot unless given. */
    vectors: z.array(z.array(z.number()).min(1)).optional(),
    /** The encoding of a missing value; zeros unless given. */
    missing: z.array(z.number()).optional(),
  }),
  z.strictObject({ type: z.literal("hashed"), name: columnName, buckets: z.int().min(2).max(32_768).default(256) }),
  z.strictObject({
    type: z.literal("text"),
    name: columnName,
    buckets: z.int().min(2).max(32_768).default(2_048),
    /**
     * `counts`: words and pairs of words, as numbers among the other columns. `ngrams`: words, pairs and parts of words of any
     * language, which an embedding bag sums. `counts` unless given; new recipes say `ngrams`.
     */
    encoding: z.enum(["counts", "ngrams"]).optional(),
    /** The most different n-grams of a text; those of the longest training text, and a quarter more, unless given. */
    terms: z.int().min(1).max(termsMax).optional(),
  }),
]);
export type ColumnPlan = z.infer<typeof columnPlanSchema>;

const featuresPlanSchema = z.strictObject({
  kind: z.literal("features").default("features"),
  columns: z.array(columnPlanSchema).min(1),
  /**
   * How numbers are scaled. `standard`: mean 0 and deviation 1, outliers moved to the range of the rest; `log`: the same for
   * sign(x)·ln(1 + |x|) where a column has a long tail; `quantile`: piecewise linear between quantiles. The best on validation
   * rows unless given.
   */
  scale: z.enum(numberScales).optional(),
  /** `allow`: a question may lack any column; `refuse`: only the columns that training rows lack as well. */
  missing: z.enum(["allow", "refuse"]).default("refuse"),
});

/** A text: features with one text column, in n-grams. */
const textPlanSchema = z.strictObject({
  kind: z.literal("text"),
  /** The column, and the field of a question, that has the text. */
  name: columnName.default("text"),
  buckets: z.int().min(2).max(32_768).default(16_384),
  terms: z.int().min(1).max(termsMax).optional(),
});

const inputPlanSchema = z.union([
  textPlanSchema,
  featuresPlanSchema,
  imageInputSchema.omit({ regions: true }).partial({ scale: true, offset: true }),
  tensorInputSchema.omit({ regions: true }),
]);

/** A hidden layer; relu follows all but pools. */
export const layerPlanSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("dense"), units: z.int().positive() }),
  z.strictObject({
    type: z.literal("conv"),
    filters: z.int().positive(),
    size: z.int().positive(),
    stride: z.int().positive().optional(),
  }),
  z.strictObject({ type: z.literal("pool"), size: z.int().positive() }),
  z
    .strictObject({ type: z.literal("bag"), units: z.int().positive() })
    .describe("The first layer of a network on texts in n-grams: sums a learned vector of each; no relu follows"),
]);
/** A hidden layer; relu follows all but pools. */
export type LayerPlan = z.infer<typeof layerPlanSchema>;

/** How a backbone's weights are stored: TensorFlow.js's own types. */
export const weightTypes = ["float32", "float16", "uint8"] as const;
export type WeightType = (typeof weightTypes)[number];

/** The hyperparameters of a training. */
export const trainingPlanSchema = z.strictObject({
  epochs: z.int().positive(),
  /** Epochs without a lower validation loss before training stops. */
  patience: z.int().positive(),
  batchSize: z.int().positive(),
  /** The initial learning rate; it falls along a half cosine. */
  learningRate: z.number().positive(),
  seed: z.int(),
  /** The share of full's scores in thin's targets; the labels have the rest. */
  distil: z.number().min(0).max(1),
  /** The temperature of full's scores when thin is distilled. */
  distilTemperature: z.number().positive(),
  /** L2 regularisation of the kernels: l2·ΣW² is added to the loss; 0 is off. */
  l2: z.number().nonnegative(),
  /** Kernels shrink by this share of the learning rate in each step, apart from the loss (AdamW); 0 is off. */
  weightDecay: z.number().nonnegative(),
  /** The share of each dense layer's outputs that is zeroed at random in a training step; 0 is off. */
  dropout: z.number().min(0).lt(1),
  /**
   * How much each class weighs in training: by label, 1 unless named, or `balanced` for the same total each; null for the
   * share that each has. Scores stay probabilities: the weights are taken out of the trained head.
   */
  classWeights: z.union([z.literal("balanced"), z.record(z.string(), z.number().positive())]).nullable(),
  /** The share of rows whose region is hidden in each epoch, so that the network learns to answer for unknown regions. */
  regionDropout: z.number().min(0).max(1),
  /** Random changes of images: mirrored left to right or not, and shifted by up to `shift` pixels; null for none. */
  augment: z.strictObject({ mirror: z.boolean(), shift: z.int().nonnegative() }).nullable(),
  /**
   * Heads for all regions that shape the backbone and are discarded after training; null for none. The loss is
   * (1 − share)·global + share·regional + l2·(mean over regions of |head − global head|²).
   */
  regionalHeads: z.strictObject({ share: z.number().min(0).max(1), l2: z.number().nonnegative() }).nullable(),
});
export type TrainingPlan = z.infer<typeof trainingPlanSchema>;

export const trainers = ["tfjs", "torch"] as const;
/** What trains networks: TensorFlow.js in the origin's training process, or PyTorch. */
export type TrainerName = (typeof trainers)[number];

export const networkKinds = ["linear", "network", "ensemble"] as const;
/** What a network is: linear in its inputs, one network, or several that share their hidden layers. */
export type NetworkKind = (typeof networkKinds)[number];

const thinPlanSchema = z.strictObject({
  /** The hidden layers; the last is dense and outputs the embedding. */
  layers: z.array(layerPlanSchema).min(1).optional(),
  /** Whether the region is an input; true unless there is only one. */
  region: z.boolean().optional(),
  /** How the weights are stored; float32 unless given. */
  weights: z.enum(weightTypes).optional(),
  /** The share of each kernel's weights, the smallest, that is pruned to zero. */
  prune: z.number().min(0).lt(1).optional(),
  /** Differences from the recipe's `training`. */
  training: trainingPlanSchema.partial().optional(),
});

const fullPlanSchema = thinPlanSchema.extend({
  /** What the network is. Of a table, the best on validation rows unless this or `layers` is given; else `network`. */
  kind: z.enum(networkKinds).optional(),
  /** Members of an ensemble; 8 unless given. */
  members: z.int().min(2).max(64).optional(),
});

/** A thin network for another kind of rung; `layers` are scaled from thin's to the bytes where only those are given. */
const ownThinPlanSchema = thinPlanSchema
  .extend({
    bytes: z
      .int()
      .positive()
      .optional()
      .describe("The most bytes to transfer. Without `layers`, the widest form of thin's layers that fits is trained"),
  })
  .refine(({ layers, bytes }) => layers !== undefined || bytes !== undefined, "`layers`, `bytes` or both");

const modulePlan = z.strictObject({
  /** A module whose function `load` returns the rows: {instance, label, region, at}. */
  module: z.string(),
  /** What the module's `load` gets as `file`. */
  path: z.string().optional(),
});

/** Where a recipe's rows come from. */
export const sourceSchema = z
  .union([
    z
      .string()
      .min(1)
      .describe("A file (CSV, TSV, JSON lines or Parquet, gzipped or not), a folder of images, or a URL"),
    modulePlan,
    z.strictObject({ path: z.string().min(1), store: z.boolean().default(true) }),
    z.strictObject({ parquet: z.array(blobRefSchema).min(1) }),
    z.strictObject({ samples: z.literal("regions") }),
  ])
  .describe(
    "The recipe's own rows. With `store: false` they stay where they are; else a version stores a copy. `samples` for none: " +
      "what the regions' questions turn out to be trains alone",
  );
export type Source = z.infer<typeof sourceSchema>;

const labelPlanSchema = z.strictObject({
  column: columnName,
  /** The labels; all that occur unless given. */
  values: z.array(z.string().min(1)).min(2).optional(),
  /** Other spellings, and the label that each stands for. */
  aliases: z.record(z.string(), z.string()).optional(),
  /** Labels whose rows are left out. */
  drop: z.array(z.string()).optional(),
});

const regionPlanSchema = z.strictObject({
  /** Where a question's region comes from: a field of the instance, a header, or the caller's location. */
  from: z.enum(["field", "header", "cf"]).default("field"),
  /** The field or header. */
  name: z.string().min(1).optional(),
  /** The regions; `any` opens a new one for each new value; those that occur unless given. */
  keys: z.union([z.literal("any"), z.array(regionSchema).min(1)]).optional(),
  /** The region of questions that no other region takes. */
  parent: regionSchema.default("world"),
  /** With `any`: how many regions one token may open in a day. */
  openPerTokenPerDay: z.int().positive().default(20),
});

/** Limits: of a thin network, null for none, and of what rungs with a price may cost. */
export const budgetSchema = z.strictObject({
  /** Bytes to transfer: backbone and head in their stored form. */
  bytes: z.int().positive().nullable().default(null),
  /** Milliseconds for one question on the edge's engine. */
  ms: z.number().positive().nullable().default(null),
  /** Accuracy (0 to 1) that may be lost compared with full. */
  accuracy: z.number().min(0).max(1).nullable().default(null),
  /** US dollars that rungs with a price may cost in a calendar month (UTC), over all regions. */
  usdPerMonth: z.number().positive().optional(),
  /** What happens to questions that this leaves out: `answer`, the provisional answer, unless given; or `people`. */
  atLimit: z.enum(atLimits).optional(),
});
export type Budget = z.infer<typeof budgetSchema>;

const common = {
  $schema: z.string().optional(),
  name: modelNameSchema,
  summary: z.string().optional(),
};

/** The recipe of a model that is trained from rows. */
export const trainableRecipeSchema = z.strictObject({
  ...common,
  /** What is predicted: one label out of a list, or a number. */
  task: z.enum(["classify", "regress"]).default("classify"),
  source: sourceSchema,
  label: z.union([columnName, labelPlanSchema]),
  input: inputPlanSchema.optional(),
  region: z.union([columnName, regionPlanSchema]).optional(),
  /** The column of the rows' time; rows are exchangeable unless given. */
  time: columnName.optional(),
  /** Rows from this day on are not trained on, unless the caller gives another day. */
  trainBefore: z.iso.date().optional(),
  /** Days until the label of a question is known. */
  labelDelayDays: z.number().nonnegative().default(0),
  /** What keeps dependent samples in one split; blocks of 7 days where rows have a time, else equal content. */
  groupBy: groupBySchema.optional(),
  /** The error rate allowed among accepted answers, and the confidence of certificates. */
  risk: z
    .strictObject({
      target: z.number().gt(0).lt(1),
      confidence: z.number().gt(0).lt(1).default(0.95),
      /** Labels whose risk is bounded by itself too. */
      perClass: z.array(z.string()).optional(),
    })
    .optional(),
  tolerance: z
    .number()
    .positive()
    .optional()
    .describe(
      "For numbers: an answer further from the truth is an error; half the standard deviation of the label unless given",
    ),
  unit: z.string().min(1).max(32).optional().describe("For numbers: what they count, such as °C; for display"),
  bins: z
    .int()
    .min(4)
    .max(256)
    .optional()
    .describe("For numbers: how many bins their distribution has; 32 unless given"),
  interval: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe("For numbers: the share of truths that intervals cover; 0.9 unless given"),
  /** The rungs that answer, from the edge up: ours by name, and those that we don't own by what they are. */
  rungs: z
    .array(z.union([rungSchema, externalRungSchema]))
    .min(1)
    .refine(hasUniqueNames, "an array of rungs with different names")
    .optional(),
  budget: budgetSchema.optional(),
  networks: z
    .strictObject({
      thin: thinPlanSchema.optional(),
      full: fullPlanSchema.optional(),
      node: ownThinPlanSchema
        .optional()
        .describe("A thin network for nodes: machines of customers, below the edge; nodes run thin unless given"),
      device: ownThinPlanSchema.optional().describe("A thin network for devices; they run thin unless given"),
    })
    .optional(),
  training: trainingPlanSchema
    .partial()
    .extend({
      trainer: z
        .enum(trainers)
        .optional()
        .describe("What trains: tfjs (TensorFlow.js, the default) or torch (PyTorch); an origin may be set to another"),
    })
    .optional(),
  /** How regions keep, label and learn; see Policy. */
  policy: policySchema
    .omit({ ladder: true, above: true, budget: true, regions: true, groupBy: true })
    .partial()
    .optional(),
  /** The share of callers that a new version serves first; null to serve all callers at once. */
  canary: z
    .strictObject({ share: z.number().gt(0).lt(1) })
    .nullable()
    .optional(),
  /** The weight of a region's label in training, relative to the recipe's own rows; 1 unless given. */
  sourceWeights: z.strictObject({ truth: z.number().optional(), human: z.number().optional() }).optional(),
});

/** The recipe of a model that is served by its outputs, as `upriver import` writes it. */
export const tensorRecipeSchema = z.strictObject({
  ...common,
  task: z.literal("tensor"),
  /** The model.json. */
  source: z.string().min(1),
  inputs: z.array(tensorSpecSchema).min(1),
  outputs: z.array(tensorSpecSchema).min(1),
  batch: z.boolean(),
  /** Where `upriver create --cut` can attach a head. */
  embedding: z.strictObject({ tensor: z.string(), width: z.int() }).nullable(),
});

/** The recipe of a classifier on a pre-trained base, as `upriver create` writes it: regions train its heads. */
export const baseRecipeSchema = z.strictObject({
  ...common,
  task: z.literal("classify").default("classify"),
  source: z.strictObject({
    /** The base's model.json, its folder, or its .onnx file. */
    base: z.string().min(1),
    /** The layer, or the graph's node, whose output is the embedding; the one before the last dense layer unless given. */
    cut: z.string().optional(),
    /** Start with the base's own last layer, whose classes are the labels in their order; untrained unless set. */
    keepHead: z.boolean().optional(),
    /** Inputs are scaled by value · scale + offset; pixels to 0..1 unless given. */
    scale: z.number().optional(),
    offset: z.number().optional(),
  }),
  label: z.strictObject({ values: z.array(z.string().min(1)).min(2) }),
  risk: z.strictObject({ target: z.number().gt(0).lt(1).default(0.05) }).optional(),
});

/** A recipe: everything that defines a model, as JSON. */
export const recipeSchema = z
  .union([trainableRecipeSchema, baseRecipeSchema, tensorRecipeSchema])
  .meta({ id: "Recipe", title: "Upriver recipe" });
export type RecipeDocument = z.infer<typeof recipeSchema>;
/** The recipe of a model that is trained from rows, before its defaults are set. */
export type TrainableDocument = z.infer<typeof trainableRecipeSchema>;
export type TrainableInput = z.input<typeof trainableRecipeSchema>;
export type TensorRecipe = z.infer<typeof tensorRecipeSchema>;
export type BaseRecipe = z.infer<typeof baseRecipeSchema>;
export type InputPlanDocument = z.infer<typeof inputPlanSchema>;

function hasUniqueNames(rungs: readonly (string | { name: string })[]): boolean {
  return new Set(rungs.map((rung) => (typeof rung === "string" ? rung : rung.name))).size === rungs.length;
}
