import * as z from "zod";
import { certificateSchema, rungSchema, uncertifiedSchema } from "./answer.ts";
import { escalationEstimateSchema } from "./escalation.ts";
import { externalRungSchema } from "./external-rung.ts";
import { fieldNameExpected, isFieldName } from "./field-name.ts";
import { inputSchema } from "./input.ts";
import { instanceSchema } from "./instance.ts";
import { regionSchema, regionsSchema } from "./region.ts";
import { numberMetricsSchema, numberTaskSchema, readingSchema } from "./regress.ts";
import { sha256Schema } from "./sha256.ts";
import { tensorSpecSchema } from "./tensor.ts";

export const blobShardMaxBytes = 20 * 1024 * 1024;
/** The largest number of samples that a region may keep in its object. */
export const samplesMax = 20_000;

export const modelNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and '-', 63 at most");

export const blobRefSchema = z.strictObject({ sha256: sha256Schema, bytes: z.int().nonnegative() });
export type BlobRef = z.infer<typeof blobRefSchema>;

/** A TensorFlow.js model.json and its weight shards, as blobs. */
const modelFiles = {
  kind: z.enum(["tfjs-layers-model", "tfjs-graph-model"]),
  /** Hash over topology and weights; identifies the backbone of an embedding. */
  sha256: sha256Schema,
  topology: blobRefSchema,
  /** Empty for a model without weights. */
  shards: z.array(blobRefSchema),
};

/** A whole model with its input and output tensors. */
export const tensorNetworkSchema = z.strictObject({
  ...modelFiles,
  inputs: z.array(tensorSpecSchema).min(1),
  outputs: z.array(tensorSpecSchema).min(1),
  /** Whether it accepts batches: the first dimension of every input and output has any size. */
  batch: z.boolean(),
});
export type TensorNetwork = z.infer<typeof tensorNetworkSchema>;

/** A network up to its embedding. */
export const backboneSchema = z.strictObject({
  ...modelFiles,
  /** The embedding's tensor, its width, and the step of its int16 quantisation. */
  embedding: z.strictObject({ tensor: z.string(), width: z.int().positive(), step: z.number().positive() }),
});
export type Backbone = z.infer<typeof backboneSchema>;

/** The last layer: float32 weights [width, classes], then bias [classes], in one blob. */
export const headSchema = z.strictObject({
  blob: blobRefSchema,
  width: z.int().positive(),
  classes: z.int().positive(),
  temperature: z.number().positive(),
});
export type Head = z.infer<typeof headSchema>;

/** A question is accepted when its calibrated confidence is at least `threshold`. */
export const ruleSchema = z
  .strictObject({
    threshold: z.number().min(0),
    /** The threshold used once the rule is proven wrong: the strictest candidate. */
    strictest: z.number().min(0),
    targetRisk: z.number().gt(0).lt(1),
    /** The probability that a certificate of this rule is wrong. */
    delta: z.number().gt(0).lt(1),
    certificate: certificateSchema.nullable(),
    /** Why there is no certificate, and what is missing; null if there is one. */
    uncertified: uncertifiedSchema.nullable(),
    /** Labels with a threshold of their own, which an answer must reach too. Above 1: never accepted; `reason` says why. */
    perClass: z
      .record(z.string(), z.strictObject({ threshold: z.number().min(0), reason: z.string().nullable() }))
      .optional(),
    /** Labels whose own risks are bounded too. A region never accepts more than the version's rule then. */
    classRisks: z.array(z.string()).optional(),
  })
  .meta({ id: "Rule" });
export type Rule = z.infer<typeof ruleSchema>;

export const networkSchema = z
  .strictObject({
    ...{ input: inputSchema, backbone: backboneSchema, head: headSchema, rule: ruleSchema },
    /** How the head's scores are read as numbers; absent in classifiers. */
    reading: readingSchema.optional(),
  })
  .refine((n) => n.backbone.embedding.width === n.head.width, "The head must be as wide as the embedding.");
export type NetworkSpec = z.infer<typeof networkSchema>;

export const signatureSchema = z.strictObject({ keyId: z.string(), ed25519: z.string() });

/** How samples are grouped. All samples of a group are in the same split. */
export const groupBySchema = z.discriminatedUnion("by", [
  z.strictObject({ by: z.literal("question") }),
  /** Equal instances are in one split. */
  z.strictObject({ by: z.literal("content") }),
  z.strictObject({ by: z.literal("field"), name: z.string() }),
  z.strictObject({ by: z.literal("time"), days: z.number().positive() }),
]);
export type GroupBy = z.infer<typeof groupBySchema>;

/** Where the splits divide the numbers in [0, 1) of group keys: `train` below the first, `calibration` from the second on. */
export const splitCutsSchema = z.strictObject({
  train: z.number().min(0).max(1),
  validation: z.number().min(0).max(1),
});
export type SplitCuts = z.infer<typeof splitCutsSchema>;

/** How a version's rows were split. Its regions split their samples in the same way. */
export const splitsSchema = z.strictObject({
  /** The key of the HMAC that gives each group key its number. It is no secret: audits are drawn by another. */
  key: z.string().min(1),
  cuts: splitCutsSchema,
});
export type Splits = z.infer<typeof splitsSchema>;

/** The parts of a region's learning. Each can be left out, to measure its effect. */
export const learningParts = [
  "analytic",
  "softmax",
  "prior",
  "calibration",
  "semantic-cache",
  "control",
  "mix",
  "opinions",
  "stacking",
] as const;
export type LearningPart = (typeof learningParts)[number];

/** Parts that were tried and removed. Manifests and recipes that name them stay valid. */
const retiredParts = ["label-shift"] as const;

/** What happens to a question that the budget leaves out: the caller gets the provisional answer, or a person is asked. */
export const atLimits = ["answer", "people"] as const;

/** Whether regions take contributions with labels that the model does not have. */
export const labelPolicies = ["listed", "open"] as const;

/** What a saturated region gives: the edge's provisional answer, marked as degraded, or 503. */
export const whenSaturated = ["answer", "refuse"] as const;

/** How a model is served and learns. Each version has its own policy. */
export const policySchema = z
  .strictObject({
    ladder: z.array(rungSchema).min(1),
    /** The rungs between region and people in the order in which they are asked; our own origin alone unless given. */
    above: z
      .array(z.union([z.literal("origin"), externalRungSchema]))
      .min(1)
      .max(8)
      .optional(),
    /** The most that rungs with a price may cost in a calendar month (UTC), over all regions; no limit unless given. */
    budget: z.strictObject({ usdPerMonth: z.number().positive(), atLimit: z.enum(atLimits) }).optional(),
    /** What callers get while a region is saturated: `answer` unless given. */
    whenSaturated: z.enum(whenSaturated).optional(),
    regions: regionsSchema,
    /** `open`: contributions may bring labels that the model does not have, for devices below; `listed` unless given. */
    labels: z.enum(labelPolicies).optional(),
    /** Which accepted questions are kept. `all` stores a question before it is answered. */
    keep: z.enum(["none", "audited", "all"]),
    auditShare: z.number().min(0).max(1),
    /** `complete`: every question gets its true label. */
    truth: z.enum(["some", "complete"]),
    uncertified: z.enum(["answer", "escalate"]),
    /**
     * The shares of accepted questions about which the rung above is asked, while a region's certificate is pending and
     * once it is valid: its opinions make certificates from fewer labels. 0.25 and 0.02 unless given.
     */
    opinions: z.strictObject({ pending: z.number().min(0).max(1), valid: z.number().min(0).max(1) }).optional(),
    /** The share of escalations for which a rung above that does not pay is still asked. 0.05 unless given. */
    explorationShare: z.number().min(0).max(1).optional(),
    groupBy: groupBySchema,
    /** The training weight of labels whose only source is the origin; 0 ignores them. */
    originLabelWeight: z.number().min(0).max(0.25),
    /** Whether instances of labelled questions are kept. Without them, a new backbone can't embed the samples again. */
    keepInputs: z.boolean(),
    /** How many samples a region keeps in its object. The least recently changed ones move to R2. */
    samplesMax: z.int().positive().max(samplesMax),
    retrainEverySeconds: z.int().positive(),
    /** Seconds until a region retrains once a twentieth of its labels are new; null: by the schedule only. */
    retrainAfterSeconds: z.int().nonnegative().nullable(),
    /** The smallest number of labels to train a head on. */
    retrainMinLabels: z.int().positive(),
    /** How often the Worker's cron starts a training at the origin; null: only on request. */
    originEverySeconds: z.int().positive().nullable(),
    /** The parts of regional learning that are on. */
    learning: z.array(z.enum([...learningParts, ...retiredParts])),
  })
  .meta({ id: "Policy" });
export type Policy = z.infer<typeof policySchema>;

/** Embeddings and labels of the global holdout, on which every regional candidate is tested. */
const anchorSchema = z.strictObject({ blob: blobRefSchema, rows: z.int().positive() }).nullable();
/** Sums of the thin network's embeddings over its training rows: the prior of regional analytic heads. */
const priorSchema = z.strictObject({ blob: blobRefSchema }).nullable();

/** How often questions of a label got a prediction: both as indices of the manifest's labels, then how many. Zeros are left out. */
const confusionSchema = z.array(z.tuple([z.int(), z.int(), z.int().positive()]));
export type Confusion = z.infer<typeof confusionSchema>;

/** The result of an evaluation. `coverage`: target error → the share of questions that can be accepted at it. */
export const metricsSchema = z
  .strictObject({
    n: z.int(),
    logLoss: z.number(),
    auc: z.number().nullable(),
    /** The share of right answers; of numbers, the share within the tolerance. */
    accuracy: z.number(),
    coverage: z.record(z.string(), z.number()),
    /** Of a classifier; absent in numbers, in lists of versions, and where an earlier release evaluated. */
    confusion: confusionSchema.optional(),
    /** Absent in classifiers. */
    number: numberMetricsSchema.optional(),
  })
  .meta({ id: "Metrics" });
export type Metrics = z.infer<typeof metricsSchema>;

/** The kinds of rungs that run a thin network, from the top down. */
export const rungKinds = ["edge", "node", "device"] as const;
export type RungKind = (typeof rungKinds)[number];

/** The kinds that a version may carry a thin network of their own for. The edge's is `thin`. */
export const ownThinKinds = ["node", "device"] as const satisfies readonly RungKind[];
export type OwnThinKind = (typeof ownThinKinds)[number];

/** A thin network for one kind of rung, with what its regions learn by and how it was judged. */
export const ownThinSchema = z
  .strictObject({
    network: networkSchema,
    /** Bytes of its weights in memory, as the engine that serves it holds them; they count against the memory of the rung. */
    memoryBytes: z.int().positive(),
    anchor: anchorSchema,
    prior: priorSchema,
    escalation: escalationEstimateSchema,
    metrics: metricsSchema,
  })
  .meta({ id: "OwnThin" });
export type OwnThin = z.infer<typeof ownThinSchema>;

/** Fields that all manifests share. */
const versionFields = {
  format: z.literal("upriver/2"),
  model: modelNameSchema,
  version: z.int().positive(),
  parent: z.int().positive().nullable(),
  createdAt: z.iso.datetime(),
  /** Instances to try the model with; the first is easy, the last hard. */
  examples: z.array(instanceSchema),
  signature: signatureSchema.optional(),
};

/**
 * A version of a model that learns: its networks, policy and metrics. Immutable. A model of numbers (`regress`) is a
 * classifier over bins, whose scores are read as a distribution: `labels` are the names of its bins.
 */
export const classifyManifestSchema = z
  .strictObject({
    ...versionFields,
    task: z.enum(["classify", "regress"]),
    labels: z.array(z.string().min(1).refine(isFieldName, fieldNameExpected)).min(2),
    /** The bins and the tolerance of a model of numbers; absent in classifiers. */
    number: numberTaskSchema.optional(),
    /** The thin network runs at the edge, the full one at the origin. */
    thin: networkSchema,
    full: networkSchema.nullable(),
    /** Thin networks for other kinds of rungs; absent where all of them run `thin`. */
    thins: z.strictObject({ node: ownThinSchema.optional(), device: ownThinSchema.optional() }).optional(),
    anchor: anchorSchema,
    prior: priorSchema,
    /** The recipe and its own rows as Parquet, from which any origin trains the next version; absent where it has none. */
    recipe: z.strictObject({ document: blobRefSchema, source: z.array(blobRefSchema) }).optional(),
    policy: policySchema,
    /** Absent in versions that were trained earlier: their regions split by `SPLIT_SECRET` and the usual shares. */
    splits: splitsSchema.optional(),
    /** Whether full is better than thin on what thin would escalate; absent without full, and in earlier versions. */
    escalation: escalationEstimateSchema.optional(),
    metrics: z.strictObject({ thin: metricsSchema, full: metricsSchema.nullable() }),
    trainedOn: z.strictObject({
      rows: z.int(),
      from: z.string().nullable(),
      to: z.string().nullable(),
      sources: z.record(z.string(), z.int()),
      regions: z.record(z.string(), z.int()),
    }),
  })
  .refine((m) => new Set(m.labels).size === m.labels.length, "labels must be unique.")
  .refine(
    (m) => networksOf(m).every(({ head }) => head.classes === m.labels.length),
    "Each head must have one class for each label.",
  )
  .refine(
    ({ task, number, labels }) => (task === "regress" ? number?.bins.edges.length === labels.length + 1 : !number),
    "A model of numbers must have one bin for each label; a classifier must have none.",
  )
  .refine(
    (m) => m.task !== "regress" || networksOf(m).every(({ reading }) => reading),
    "Each network of a model of numbers must say how its scores are read.",
  )
  .refine(
    ({ task, policy }) => task !== "regress" || !policy.above || policy.above.every((rung) => rung === "origin"),
    "A model of numbers must have no rung above that others run: these answer labels.",
  )
  .meta({ id: "ClassifyManifest" });
export type ClassifyManifest = z.infer<typeof classifyManifestSchema>;

/** Lists the networks of a version: thin, full where it has one, and those of other kinds of rungs. */
export function networksOf({
  thin,
  full,
  thins = {},
}: {
  thin: NetworkSpec;
  full: NetworkSpec | null;
  thins?: { [K in OwnThinKind]?: OwnThin | undefined } | undefined;
}): NetworkSpec[] {
  const own = ownThinKinds.flatMap((kind) => thins[kind]?.network ?? []);
  return [thin, ...(full ? [full] : []), ...own];
}

/** A version of a tensor model, whose outputs are served as they are, without an accept rule. Immutable. */
export const tensorManifestSchema = z
  .strictObject({
    ...versionFields,
    task: z.literal("tensor"),
    network: tensorNetworkSchema,
  })
  .meta({ id: "TensorManifest" });
export type TensorManifest = z.infer<typeof tensorManifestSchema>;

/** A version of a model. Immutable. */
export const manifestSchema = z
  .discriminatedUnion("task", [classifyManifestSchema, tensorManifestSchema])
  .meta({ id: "Manifest" });
export type Manifest = z.infer<typeof manifestSchema>;

/** A region's own head on a global version: `{base}+{region}.{number}`. */
export const headManifestSchema = z
  .strictObject({
    format: z.literal("upriver/2"),
    model: modelNameSchema,
    base: z.int().positive(),
    region: regionSchema,
    number: z.int().positive(),
    backbone: sha256Schema,
    head: headSchema,
    rule: ruleSchema,
    /** How the head's scores are read as numbers; absent in classifiers. */
    reading: readingSchema.optional(),
    createdAt: z.iso.datetime(),
    signature: signatureSchema.optional(),
  })
  .meta({ id: "HeadManifest" });
export type HeadManifest = z.infer<typeof headManifestSchema>;

/** Formats the name of a version: `7`, or `7+weur.3` for the third head of region `weur`. */
export function versionName(base: number, head?: Pick<HeadManifest, "region" | "number"> | null): string {
  return head ? `${base}+${head.region}.${head.number}` : `${base}`;
}
