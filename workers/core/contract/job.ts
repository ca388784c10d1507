import * as z from "zod";

const canarySchema = z.strictObject({ share: z.number().gt(0).lt(1) });

/** The body of `POST /v1/models/{model}/jobs`: what the origin is to train. */
export const jobOrderSchema = z.strictObject({
  /** Data time: what was asked or labelled from this day on is not known yet (ISO date); all that is, by default. */
  before: z.iso.date().optional(),
  reason: z.enum(["order", "schedule", "first"]).default("order"),
  /** The share of callers that try the version before all get it, null for none; what the recipe says, by default. */
  canary: canarySchema.nullable().optional(),
  /** Whether it must be surely better than the version in use. */
  gate: z.boolean().default(true),
});
export type JobOrder = z.infer<typeof jobOrderSchema>;

export const jobStates = ["queued", "running", "done", "refused", "failed", "cancelled"] as const;
/** What a job goes through, in order; each step is done once, however often the origin is killed in it. */
export const jobSteps = ["pull", "train", "publish", "prepare", "rollout", "watch"] as const;
export type JobStep = (typeof jobSteps)[number];

/** Where a training is, told after batches and epochs. */
export interface JobProgress {
  network: "full" | "thin";
  epoch: number;
  epochs: number;
  /** The share of this epoch's rows that are done. */
  share: number;
  /** The mean loss of this epoch so far. */
  loss: number;
  /** Null before the first epoch is whole. */
  validationLoss: number | null;
  /** What is left if no epoch is saved by stopping early. */
  secondsLeft: number;
}

/** A training of a model at the origin, from the regions' samples to the version that serves. */
export interface Job {
  id: string;
  model: string;
  state: (typeof jobStates)[number];
  step: JobStep;
  order: JobOrder;
  createdAt: string;
  endedAt: string | null;
  progress: JobProgress | null;
  /** Samples that came from the regions since the last job, and all that are known. */
  samples: { added: number; known: number } | null;
  /** What the gate said; null before it, and where there was no version to compare with. */
  verdict: { promoted: boolean; reason: string; difference: number; bound: number } | null;
  version: number | null;
  /** Why it ended as it did. */
  reason: string | null;
}
