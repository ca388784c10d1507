import * as z from "zod";
import { instanceSchema } from "./instance.ts";
import { givenLabelSchema, labelSourceSchema, splitSchema } from "./label.ts";
import { batchMaxQuestions, draftSchema, questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

export const samplesPageMaxRows = 1_000;

/** The body of `POST /v1/questions/{id}/truth` and `/answer`. The instance is needed if the question was not kept. */
export const truthSchema = z
  .strictObject({
    label: givenLabelSchema,
    instance: instanceSchema.optional(),
    /** When the label became known, ms since 1970; admin only. */
    at: z.int().nonnegative().optional(),
  })
  .meta({ id: "Truth" });
export type Truth = z.infer<typeof truthSchema>;

/** The body of `POST /v1/models/{model}/truths`: labels with a question's id or the question itself. */
export const truthsSchema = z
  .strictObject({
    truths: z
      .array(
        z.strictObject({
          id: questionIdSchema.optional(),
          label: givenLabelSchema,
          question: draftSchema.optional(),
          /** The tokens that asked and that gave the label first, where it is taught again; admin only. */
          owner: z.string().min(1).optional(),
          labelledBy: z.string().min(1).optional(),
        }),
      )
      .min(1)
      .max(batchMaxQuestions),
    at: z.int().nonnegative().optional(),
    /** Who gave them: `truth` unless given. Only a rung below says that people there did. */
    source: z.enum(["truth", "human"]).optional(),
  })
  .meta({ id: "Truths" });
export type Truths = z.infer<typeof truthsSchema>;

export const labelResultSchema = z
  .strictObject({
    id: questionIdSchema,
    label: z.string(),
    source: labelSourceSchema,
    /** Shown to `admin` alone: who knows the splits of its questions could choose them. */
    split: splitSchema.optional(),
    changed: z.boolean(),
  })
  .meta({ id: "LabelResult" });
/** The result of storing a label: the label in effect, and whether it changed. */
export type LabelResult = z.infer<typeof labelResultSchema>;

export const labelCountSchema = z.strictObject({ accepted: z.int(), changed: z.int() }).meta({ id: "LabelCount" });

/** The object that counts `revision`: of another one, a lower revision may be newer. Absent in earlier releases. */
const epochField = { epoch: z.string().optional() };
const sampleFields = { region: regionSchema, id: questionIdSchema, revision: z.int(), ...epochField };
export const sampleLineSchema = z
  .union([
    z.strictObject({ ...sampleFields, forgotten: z.literal(true) }),
    /** All samples of the region so far are forgotten. */
    z.strictObject({ region: regionSchema, revision: z.int(), forgotten: z.literal("region"), ...epochField }),
    z.strictObject({
      ...sampleFields,
      instance: instanceSchema.nullable(),
      label: z.string(),
      source: labelSourceSchema,
      split: splitSchema,
      groupKey: z.string(),
      /** The recorded label inclusion probability; null if none was recorded. */
      inclusionProbability: z.number().nullable(),
      /** The scores of a rung above that we don't own, before calibration; labels that it hardly considers are left out. */
      above: z.record(z.string(), z.number()).optional(),
      at: z.int(),
      labelledAt: z.int(),
      /** The id of the token that asked, null for `admin`, and of the one that gave the label, where it is known. */
      owner: z.string().nullable().optional(),
      labelledBy: z.string().nullable().optional(),
      /** Whether that token was trusted; yes, unless given. */
      trusted: z.boolean().optional(),
    }),
  ])
  .meta({ id: "SampleLine" });
/** A line of `GET /v1/models/{model}/samples`: a labelled sample, a forgotten sample's id, or a forgotten region. */
export type SampleLine = z.infer<typeof sampleLineSchema>;

/** The last line of a page of samples. */
export const sampleCursorSchema = z
  .strictObject({ cursor: z.string(), more: z.boolean() })
  .meta({ id: "SampleCursor" });

/** What was forgotten of a token: samples by region, and the regions whose head had learned from them. */
export const forgottenOwnerSchema = z
  .strictObject({
    model: z.string(),
    owners: z.array(z.string()),
    forgotten: z.int(),
    regions: z.array(z.strictObject({ region: regionSchema, samples: z.int(), retrains: z.boolean() })),
  })
  .meta({ id: "ForgottenOwner" });
export type ForgottenOwner = z.infer<typeof forgottenOwnerSchema>;

/** The body of `POST /v1/questions/{id}/answer`. */
export const humanLabelSchema = truthSchema.pick({ label: true }).meta({ id: "HumanLabel" });
