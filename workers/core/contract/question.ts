import * as z from "zod";
import { instanceSchema, isInstance } from "./instance.ts";
import { regionSchema } from "./region.ts";
import { sha256Schema } from "./sha256.ts";

/** An image of 198 × 198 × 3 numbers with all digits is 2.3 MB of JSON. */
export const bodyMaxBytes = 4 * 1024 * 1024;
export const batchMaxQuestions = 1024;
/** The longest region takes 12 characters for each of its 64, percent-encoded. */
export const questionIdMaxChars = 1024;
/** How many rungs a question may pass before it counts as a loop. */
export const viaMaxRungs = 8;
export const askTimeoutMs = 10_000;
export const candidateMaxChars = 1_024;
/** How long a stored question is kept. */
export const questionKeepMs = 90 * 24 * 3600_000;

export const questionIdSchema = z
  .string()
  .min(3)
  .max(questionIdMaxChars)
  // A header, a log line and a stored row carry the same id.
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, "text without control characters");

/** The result of the rung below. Ignored by a rung with another backbone. */
export const inferenceSchema = z.strictObject({
  backbone: sha256Schema,
  version: z.string(),
  embedding: z.array(z.number()),
  scores: z.array(z.number()),
  /** Whether the confidence reached the rung's threshold, certified or not. */
  accepted: z.boolean(),
});
export type Inference = z.infer<typeof inferenceSchema>;

/** What a caller may choose of the labels. */
const choice = {
  /** The only labels that may be answered, such as what a store stocks; all labels unless given. */
  candidates: z
    .array(z.string().min(1).max(candidateMaxChars))
    .min(1)
    .refine((labels) => new Set(labels).size === labels.length, "an array without duplicates")
    .meta({ description: "The only labels that may be answered; all unless given", uniqueItems: true })
    .optional(),
  /** How many labels the answer lists in order, the best first; it lists none unless given. */
  top: z.int().min(1).meta({ description: "How many labels the answer lists in order, the best first" }).optional(),
};

/** A question as rungs send it to each other. */
export const questionSchema = z.strictObject({
  id: questionIdSchema,
  region: regionSchema,
  instance: instanceSchema,
  ...choice,
  /** Data time, ms since 1970: when the question was asked. Differs from now only in replays. */
  at: z.int().nonnegative(),
  inference: inferenceSchema.optional(),
  audit: z.boolean().optional(),
});
export type Question = z.infer<typeof questionSchema>;

/** A question as a caller sends it. The edge adds the missing fields. */
export const draftSchema = questionSchema.partial({ id: true, region: true, at: true }).meta({ id: "Draft" });
export type Draft = z.infer<typeof draftSchema>;

/** The body of `POST /v1/models/{model}/ask`, for callers and rungs. */
export const askSchema = z
  .strictObject({
    instance: instanceSchema.optional(),
    instances: z.array(instanceSchema).min(1).max(batchMaxQuestions).optional(),
    questions: z.array(draftSchema).min(1).max(batchMaxQuestions).optional(),
    /** Of every question that has none of its own. */
    ...choice,
    /** `always` returns the edge's answer at any confidence. */
    accept: z.enum(["rule", "always"]).optional(),
    /** Returns the scores of every head and rung; admin only. */
    trace: z.boolean().optional(),
    /** Keeps a caller on one side of a canary; the token's id by default. */
    caller: z.string().max(128).optional(),
    remainingMs: z.number().positive().optional(),
    via: z
      .array(z.string().max(64))
      .max(viaMaxRungs + 1)
      .optional(),
  })
  .refine(
    (b) => [b.instance, b.instances, b.questions].filter((part) => part !== undefined).length === 1,
    "The body must contain exactly one of instance, instances, questions.",
  )
  .meta({ id: "AskBody" });
export type AskBody = z.infer<typeof askSchema>;

/** Tells whether a value is an ask body with one instance, or with instances, and nothing else: as most bodies are. */
export function isPlainAsk(body: unknown): body is AskBody {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return false;
  const [key, ...others] = Object.keys(body);
  if (others.length > 0) return false;
  const { instance, instances } = body as { instance?: unknown; instances?: unknown };
  if (key === "instance") return isInstance(instance);
  if (key !== "instances" || !Array.isArray(instances)) return false;
  return instances.length >= 1 && instances.length <= batchMaxQuestions && instances.every(isInstance);
}

/** The body of `POST /v1/answers`: the ids of questions that are read at once. */
export const idsSchema = z
  .strictObject({ ids: z.array(questionIdSchema).min(1).max(batchMaxQuestions) })
  .meta({ id: "QuestionIds" });
