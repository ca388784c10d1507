import * as z from "zod";

const canarySchema = z.strictObject({ share: z.number().gt(0).lt(1) });

/** The body of `POST /v1/models/{model}/trainings`: what the origin should train. */
export const trainingOrderSchema = z
  .strictObject({
    /** ISO date. Questions and labels from this day of data time on are left out; none by default. */
    before: z.iso.date().optional(),
    reason: z.enum(["order", "schedule", "first"]).default("order"),
    /** The canary's share of callers before the rollout to all; null for no canary; the recipe's setting by default. */
    canary: canarySchema.nullable().optional(),
    /** Whether the new version must pass the gate against the one in use. */
    gate: z.boolean().default(true),
  })
  .meta({ id: "TrainingOrder" });
export type TrainingOrder = z.infer<typeof trainingOrderSchema>;

export const trainingStates = ["queued", "running", "done", "refused", "failed", "cancelled"] as const;
/** The steps of a training, in order. Each completes once, even if the origin is killed during it. */
export const trainingSteps = ["pull", "train", "publish", "prepare", "rollout", "watch"] as const;
export type TrainingStep = (typeof trainingSteps)[number];

export const trainingProgressSchema = z.strictObject({
  network: z.enum(["full", "thin", "node", "device"]),
  epoch: z.int(),
  epochs: z.int(),
  /** The processed share of this epoch's rows. */
  share: z.number(),
  /** The mean loss of this epoch so far. */
  loss: z.number(),
  /** Null until the first epoch is complete. */
  validationLoss: z.number().nullable(),
  /** Remaining time without early stopping. */
  secondsLeft: z.number(),
});
/** The progress of a training, reported after batches and epochs. */
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
    /** New samples from the regions since the last training, and the number of all known samples. */
    samples: z.strictObject({ added: z.int(), known: z.int() }).nullable(),
    /** The gate's decision; null before it, or if there was no version to compare with. */
    verdict: z
      .object({ promoted: z.boolean(), reason: z.string(), difference: z.number(), bound: z.number() })
      .nullable(),
    version: z.int().nullable(),
    /** The reason for the final state. */
    reason: z.string().nullable(),
  })
  .meta({ id: "Training" });
/** A training of a model at the origin, from the regions' samples to the version that serves. */
export type Training = z.infer<typeof trainingSchema>;

export const trainingReplySchema = z.strictObject({ training: trainingSchema }).meta({ id: "TrainingReply" });
export const trainingsSchema = z.strictObject({ trainings: z.array(trainingSchema) }).meta({ id: "Trainings" });

/** The state of an origin. */
export const originStateSchema = z
  .strictObject({
    node: z.string(),
    models: z.array(z.strictObject({ model: z.string(), version: z.int() })),
    /** The training backend; null if the origin only answers. `isSoftware`: the adapter runs on the CPU. */
    backend: z
      .looseObject({ name: z.enum(["webgpu", "wasm"]), adapter: z.string().nullable(), isSoftware: z.boolean() })
      .nullable(),
    /** Queued and running trainings. */
    trainings: z.array(trainingSchema),
    /** Whether the origin can train: not while its disk is full. Absent if it only answers. */
    training: z
      .strictObject({ ready: z.boolean(), reason: z.string().nullable(), next: z.string().nullable() })
      .optional(),
  })
  .meta({ id: "OriginState" });
export type OriginState = z.infer<typeof originStateSchema>;
