import * as z from "zod";
import { questionIdSchema } from "#core/contract/index.ts";

/** Tasks of one import, each of which calls another object. */
export const labelStudioMaxTasks = 500;
/** Annotations of a task, and results of each. */
const labelStudioMaxResults = 100;

const resultSchema = z.object({
  from_name: z.string().optional(),
  type: z.string().optional(),
  // Other controls, and relations between results, have values of their own.
  value: z.object({ choices: z.array(z.string()).optional() }).optional(),
});

const annotationSchema = z.object({
  was_cancelled: z.boolean().nullish(),
  ground_truth: z.boolean().nullish(),
  result: z.array(resultSchema).max(labelStudioMaxResults),
});

const annotatedSchema = z.object({
  data: z.object({ upriver_id: questionIdSchema }),
  annotations: z.array(annotationSchema).max(labelStudioMaxResults).default([]),
});
/** An annotated task: of what Label Studio exports, what is read. */
export type LabelStudioAnnotated = z.infer<typeof annotatedSchema>;

/** Label Studio's export as JSON: tasks with their annotations. */
export const labelStudioExportSchema = z
  .array(annotatedSchema)
  .min(1)
  .max(labelStudioMaxTasks)
  .meta({ id: "LabelStudioExport" });
