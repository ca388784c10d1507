import * as z from "zod";
import { fieldNameExpected, isFieldName } from "./field-name.ts";
import { sha256Schema } from "./sha256.ts";

/** Bytes of the sums of a contribution, and of the JSON that carries them. */
export const contributionMaxBytes = 8 * 1024 * 1024;
export const contributionBodyMaxBytes = 12 * 1024 * 1024;
/** Full labels that a class of a contribution has at least, unless it has none: of a single one, the sums are its embedding. */
export const contributionMinLabels = 5;
/** Contributions of one token in a region, withdrawn ones included, their bytes, and bytes of all that a region holds. */
export const contributionsOfTokenMax = 2_000;
export const contributionsOfTokenMaxBytes = 128 * 1024 * 1024;
export const contributionsMaxBytes = 256 * 1024 * 1024;
/** Full labels of one contribution, unless the token's limits say otherwise: of any token, and of a rung below. */
export const contributionLabelsUsual = 500;
export const contributionLabelsOfRung = 200_000;
/** Labels that contributions add to a region where the recipe says `labels: open`, and those of one token. */
export const adoptedLabelsMax = 100;
export const adoptedLabelsOfTokenMax = 50;
const adoptedLabelMaxChars = 100;

/** The contributor's name for a contribution: a node's is its region, a device's a random id that no other caller knows. */
export const contributionIdSchema = z
  .string()
  .regex(/^(?!\s|\.{1,2}$)[^\p{Cc}\p{Cs}]{1,128}(?<!\s)$/u, "1 to 128 characters, without control characters");

export const newContributionSchema = z
  .strictObject({
    /** Grows with each contribution under an id: a later one replaces the earlier, and an earlier one never a later. */
    revision: z.int().positive(),
    /** The backbone whose embeddings are summed (`thin.backbone.sha256` of the manifest). */
    backbone: sha256Schema,
    /** The classes of the sums, in order: labels of the model, or others where it takes open labels. */
    labels: z
      .array(z.string().min(1).max(adoptedLabelMaxChars).refine(isFieldName, fieldNameExpected))
      .min(1)
      .max(10_000),
    /** The sums as `core/head/sums` has them: float64, little-endian, whole numbers, in base64. */
    sums: z.base64(),
  })
  .meta({ id: "NewContribution" });
/** Exact sums over labelled embeddings of a place that shares no instances. */
export type NewContribution = z.infer<typeof newContributionSchema>;

export const contributionSchema = z
  .strictObject({
    /** The token that sent it, and its id among those of this token. */
    owner: z.string(),
    id: z.string(),
    revision: z.int(),
    /** Full labels in it; 0 once it is withdrawn. */
    labels: z.number(),
    /** The labels in it that the model does not have. */
    openLabels: z.array(z.string()),
    backbone: sha256Schema.nullable(),
    /** Whether retrains learn from it: its token is trusted, and it has no open labels. */
    isCounted: z.boolean(),
    /** When it came, ms since 1970. */
    at: z.int(),
  })
  .meta({ id: "Contribution" });
/** What a region holds of a contributor. */
export type Contribution = z.infer<typeof contributionSchema>;

export const contributedSchema = z
  .strictObject({ contribution: contributionSchema, changed: z.boolean() })
  .meta({ id: "Contributed" });
/** A contribution as it is stored after a request. `changed`: whether the request did it, rather than one before. */
export type Contributed = z.infer<typeof contributedSchema>;

export const openSumsSchema = z
  .strictObject({
    /** Grows with each contribution that comes, changes or is withdrawn. */
    revision: z.int(),
    backbone: sha256Schema,
    /** The model's labels, then the open ones, of which some contribution has a label. */
    labels: z.array(z.string()),
    /** Full labels of each class. */
    counts: z.array(z.number()),
    /** The sums of all contributions on the backbone, over these labels, as a contribution has them. */
    sums: z.base64(),
  })
  .meta({ id: "OpenSums" });
/** What contributions have taught a region with open labels; devices solve their heads from it. */
export type OpenSums = z.infer<typeof openSumsSchema>;
