import * as z from "zod";

/** RFC 9457 problem details, with the operation, what was expected, what was received, and the next step. */
export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    operation: z.string(),
    expected: z.string().optional(),
    received: z.string().optional(),
    next: z.string(),
    /** The limit that was reached, how much it allows, and per what. */
    limit: z.strictObject({ name: z.string(), max: z.number(), per: z.string() }).optional(),
    /** Seconds until the request may be sent again, as in `Retry-After`. */
    retryAfter: z.int().positive().optional(),
    errors: z
      .array(
        z.strictObject({
          index: z.int().optional(),
          path: z.string(),
          expected: z.string(),
          received: z.string(),
          message: z.string().optional(),
        }),
      )
      .optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problemSchema>;
