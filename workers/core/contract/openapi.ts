import * as z from "zod";

/** The API's own description. */
export const openApiSchema = z
  .looseObject({ openapi: z.literal("3.1.0"), paths: z.record(z.string(), z.unknown()) })
  .meta({ id: "OpenApi" });

type Json = Record<string, unknown>;

/** The API as an OpenAPI 3.1 document. */
export interface OpenApi {
  openapi: "3.1.0";
  info: { title: string; version: string; description: string };
  security: Json[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
}

/** What a route does, for which scope, as the document has it. */
export interface Operation {
  operationId: string;
  summary: string;
  security: Json[];
  "x-scope": string;
  parameters: Json[];
  requestBody?: { required: true; content: Json };
  responses: Record<string, { description: string; content: Json }>;
}
