import * as z from "zod";
import { questionIdSchema } from "#core/contract/index.ts";

/** The largest number of tasks in an import, since each calls another object. */
export const labelStudioMaxTasks = 500;
/** The largest number of annotations of a task, and of results of an annotation. */
const labelStudioMaxResults = 100;

const resultSchema = z.object({
  from_name: z.string().optional(),
  type: z.string().optional(),
  // Other controls and relations have values of other forms.
  value: z.object({ choices: z.array(z.string()).optional(), number: z.number().optional() }).optional(),
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
/** An annotated task: the fields of Label Studio's export that are used here. */
export type LabelStudioAnnotated = z.infer<typeof annotatedSchema>;

/** Label Studio's export as JSON: tasks with their annotations. */
export const labelStudioExportSchema = z
  .array(annotatedSchema)
  .min(1)
  .max(labelStudioMaxTasks)
  .meta({ id: "LabelStudioExport" });
