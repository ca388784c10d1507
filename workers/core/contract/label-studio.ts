import * as z from "zod";
import { questionIdSchema } from "./question.ts";
import { regionSchema } from "./region.ts";

/** Names shared by tasks, predictions and the labelling configuration. */
export const labelStudioNames = { control: "label", object: "instance" } as const;

const names = {
  from_name: z.literal(labelStudioNames.control),
  to_name: z.literal(labelStudioNames.object),
};

const predictionSchema = z.strictObject({
  model_version: z.string(),
  score: z.number(),
  result: z.array(
    z.discriminatedUnion("type", [
      z.strictObject({
        ...names,
        type: z.literal("choices"),
        value: z.strictObject({ choices: z.array(z.string()).length(1) }),
      }),
      z.strictObject({ ...names, type: z.literal("number"), value: z.strictObject({ number: z.number() }) }),
    ]),
  ),
});

export const labelStudioTaskSchema = z
  .strictObject({
    data: z.strictObject({
      upriver_id: questionIdSchema,
      region: regionSchema,
      /** The labels that a person may give, in the form of dynamic choices. */
      choices: z.array(z.strictObject({ value: z.string() })).optional(),
      /** An image as a data URL. */
      image: z.string().optional(),
      /** Columns by name, or a tensor as JSON. */
      instance: z.union([z.record(z.string(), z.unknown()), z.string()]).optional(),
    }),
    /** The opinion of each rung. */
    predictions: z.array(predictionSchema),
  })
  .meta({ id: "LabelStudioTask" });
/** An open question as a task of Label Studio, https://labelstud.io/guide/task_format. */
export type LabelStudioTask = z.infer<typeof labelStudioTaskSchema>;

export const labelStudioTasksSchema = z.array(labelStudioTaskSchema).meta({ id: "LabelStudioTasks" });

export const labelStudioImportedSchema = z
  .strictObject({
    accepted: z.int(),
    /** Tasks without a label: not annotated, or the annotation was cancelled. */
    skipped: z.int(),
    refused: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
  })
  .meta({ id: "LabelStudioImported" });
/** The result of importing an export of Label Studio. */
export type LabelStudioImported = z.infer<typeof labelStudioImportedSchema>;
