import * as z from "zod";

const canarySchema = z.strictObject({ share: z.number().gt(0).lt(1) });

/** The body of `POST /v1/models/{model}/jobs`: what the origin is to train. */
export const trainingOrderSchema = z
  .strictObject({
    /** Data time: what was asked or labelled from this day on is not known yet (ISO date); all that is, by default. */
    before: z.iso.date().optional(),
    reason: z.enum(["order", "schedule", "first"]).default("order"),
    /** The share of callers that try the version before all get it, null for none; what the recipe says, by default. */
    canary: canarySchema.nullable().optional(),
    /** Whether it must be surely better than the version in use. */
    gate: z.boolean().default(true),
  })
  .meta({ id: "TrainingOrder" });
export type TrainingOrder = z.infer<typeof trainingOrderSchema>;

export const trainingStates = ["queued", "running", "done", "refused", "failed", "cancelled"] as const;
/** What a job goes through, in order; each step is done once, however often the origin is killed in it. */
export const trainingSteps = ["pull", "train", "publish", "prepare", "rollout", "watch"] as const;
export type TrainingStep = (typeof trainingSteps)[number];

export const trainingProgressSchema = z.strictObject({
  network: z.enum(["full", "thin"]),
  epoch: z.int(),
  epochs: z.int(),
  /** The share of this epoch's rows that are done. */
  share: z.number(),
  /** The mean loss of this epoch so far. */
  loss: z.number(),
  /** Null before the first epoch is whole. */
  validationLoss: z.number().nullable(),
  /** What is left if no epoch is saved by stopping early. */
  secondsLeft: z.number(),
});
/** Where a training is, told after batches and epochs. */
export type TrainingProgress = z.infer<typeof trainingProgressSchema>;

export const trainingSchema = z
  .strictObject({
    id: z.string(),
    model: z.string(),
    state: z.enum(trainingStates),
    step: z.enum(trainingSteps),
    order: trainingOrderSchema,
    createdAt: z.string(),
    endedAt: z.string().nullable(),
    progress: trainingProgressSchema.nullable(),
    /** Samples that came from the regions since the last job, and all that are known. */
    samples: z.strictObject({ added: z.int(), known: z.int() }).nullable(),
    /** What the gate said; null before it, and where there was no version to compare with. */
    verdict: z
      .object({ promoted: z.boolean(), reason: z.string(), difference: z.number(), bound: z.number() })
      .nullable(),
    version: z.int().nullable(),
    /** Why it ended as it did. */
    reason: z.string().nullable(),
  })
  .meta({ id: "Training" });
/** A training of a model at the origin, from the regions' samples to the version that serves. */
export type Training = z.infer<typeof trainingSchema>;

export const trainingReplySchema = z.strictObject({ training: trainingSchema }).meta({ id: "TrainingReply" });
export const trainingsSchema = z.strictObject({ trainings: z.array(trainingSchema) }).meta({ id: "Trainings" });

/** What answers and trains above the edge. */
export const originStateSchema = z
  .strictObject({
    node: z.string(),
    models: z.array(z.strictObject({ model: z.string(), version: z.int() })),
    /** What trains there; null where it only answers. `isSoftware`: the adapter is a program, no GPU. */
    backend: z
      .looseObject({ name: z.enum(["webgpu", "wasm"]), adapter: z.string().nullable(), isSoftware: z.boolean() })
      .nullable(),
    /** Trainings that are not over. */
    trainings: z.array(trainingSchema),
  })
  .meta({ id: "OriginState" });
export type OriginState = z.infer<typeof originStateSchema>;
