import * as z from "zod";

/** The API's own description. */
export const openApiSchema = z
  .looseObject({ openapi: z.literal("3.1.0"), paths: z.record(z.string(), z.unknown()) })
  .meta({ id: "OpenApi" });
