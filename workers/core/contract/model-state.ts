import * as z from "zod";
import { instanceSchema } from "./instance.ts";
import { metricsSchema, modelNameSchema, policySchema } from "./manifest.ts";
import { modelPointerSchema } from "./pointers.ts";
import { numberTaskSchema } from "./regress.ts";
import { tensorSpecSchema } from "./tensor.ts";
import { uplinkStateSchema } from "./uplink.ts";

export const modelSummarySchema = z
  .strictObject({
    model: modelNameSchema,
    stable: z.int().nullable(),
    canary: modelPointerSchema.shape.canary,
    /** The version that a rollback returns to; null where there is none. Absent of an earlier release. */
    previous: z.int().nullable().optional(),
    /** The revision of the pointer: it grows with each change of what serves. Absent of an earlier release. */
    revision: z.int().optional(),
    versions: z.array(z.int()),
  })
  .meta({ id: "ModelSummary" });
export type ModelSummary = z.infer<typeof modelSummarySchema>;

export const modelsSchema = z.strictObject({ models: z.array(modelSummarySchema) }).meta({ id: "Models" });

const served = { model: modelNameSchema, pointer: modelPointerSchema, examples: z.array(instanceSchema) };
const bothMetrics = z.strictObject({ thin: metricsSchema, full: metricsSchema.nullable() });

export const modelStateSchema = z
  .discriminatedUnion("task", [
    z.strictObject({
      ...{ task: z.enum(["classify", "regress"]), ...served },
      ...{ labels: z.array(z.string()), policy: policySchema, metrics: bothMetrics },
      /** The bins and the tolerance of a model of numbers; absent in classifiers. */
      number: numberTaskSchema.optional(),
    }),
    z.strictObject({
      ...{ task: z.literal("tensor"), ...served },
      ...{ inputs: z.array(tensorSpecSchema), outputs: z.array(tensorSpecSchema) },
    }),
  ])
  .meta({ id: "ModelState" });
/** A served model: a classifier, a model of numbers, or a tensor model. */
export type ModelState = z.infer<typeof modelStateSchema>;

export const versionStates = ["published", "prepared", "canary", "stable", "retired"] as const;

const versionRow = {
  version: z.int().positive(),
  /** `published` until every region has trained its head for the version, then `prepared`; `canary`, `stable`, `retired`. */
  state: z.enum(versionStates),
  createdAt: z.string(),
  /** Evaluation of both networks; null for a tensor model. */
  metrics: bothMetrics.nullable(),
};

export const historyEventSchema = z.strictObject({
  at: z.int(),
  action: z.string(),
  version: z.int(),
  share: z.number().nullable(),
  region: z.string().nullable(),
  reason: z.string().nullable(),
});
/** An action on a version or a head. */
export type HistoryEvent = z.infer<typeof historyEventSchema>;

export const versionListSchema = z
  .strictObject({
    /** `preparing`: regions that have not trained their head for the version yet. */
    versions: z.array(z.strictObject({ ...versionRow, preparing: z.array(z.string()) })),
    history: z.array(historyEventSchema),
  })
  .meta({ id: "VersionList" });
export type VersionList = z.infer<typeof versionListSchema>;

/** A published version. */
export const publishedSchema = z.strictObject({ model: modelNameSchema, ...versionRow }).meta({ id: "Published" });

export const storedBlobSchema = z.strictObject({ sha256: z.string(), bytes: z.int() }).meta({ id: "StoredBlob" });

export const healthSchema = z
  .strictObject({
    status: z.enum(["ok", "ready"]),
    node: z.string(),
    engine: z.string().optional(),
    /** Whether a node's rung above can be used; absent on an edge. */
    uplink: uplinkStateSchema.shape.state.optional(),
  })
  .meta({ id: "Health" });
