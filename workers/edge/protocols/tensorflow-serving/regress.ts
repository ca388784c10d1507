import * as z from "zod";
import { batchMaxQuestions } from "#core/contract/index.ts";
import type { NamedTensor } from "../tensor.ts";
import { signatureNames } from "./schema.ts";

/** An example: its features by name. */
const exampleSchema = z.record(z.string(), z.unknown());

/** The body of `:regress`: examples, and features that all of them share. */
export const regressRequestSchema = z
  .object({
    signature_name: z.enum(signatureNames).optional(),
    context: exampleSchema.optional(),
    examples: z.array(exampleSchema).min(1).max(batchMaxQuestions),
  })
  .meta({ id: "RegressRequest" });
export type RegressRequest = z.infer<typeof regressRequestSchema>;

/** The response to `:regress`: a number for each example, in order. */
export const regressResponseSchema = z.object({ result: z.array(z.number()) }).meta({ id: "RegressResponse" });

/** Returns the instances of a request: each example with what all of them share. */
export function instancesIn({ context, examples }: RegressRequest): Record<string, unknown>[] {
  return examples.map((example) => ({ ...context, ...example }));
}

/** Formats the numbers of output tensors. */
export function regressBody(outputs: readonly NamedTensor[]): z.infer<typeof regressResponseSchema> {
  return { result: (outputs.find(({ name }) => name === "value")?.data ?? []) as number[] };
}
