import * as z from "zod";

export type Nested = number | Nested[];
const nested: z.ZodType<Nested> = z.lazy(() => z.union([z.number(), z.array(nested)]));

/** What is asked about: named columns for a `features` input, (nested) numbers for a `tensor` input. */
export const instanceSchema = z.union([
  z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
  z.array(nested),
]);
export type Instance = z.infer<typeof instanceSchema>;
