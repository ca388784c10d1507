import * as z from "zod";

/** An OpenAPI document, as a schema of a response. */
export const openApiSchema = z
  .looseObject({ openapi: z.literal("3.1.0"), paths: z.record(z.string(), z.unknown()) })
  .meta({ id: "OpenApi" });

type Json = Record<string, unknown>;

/** An OpenAPI 3.1 document. */
export interface OpenApi {
  openapi: "3.1.0";
  info: { title: string; version: string; description: string };
  security: Json[];
  /** The tasks that operations are for, in order. */
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Json };
}

/** One operation of an OpenAPI document. */
export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: Json[];
  "x-scope": string;
  /** What a token must not be limited in, beyond what the path names: all regions of the model, or the whole deployment. */
  "x-reach"?: "all-regions" | "deployment";
  /** Whether the audit log records it: always, where an admin does it, or never. Absent where nothing changes. */
  "x-audit"?: "always" | "admin" | "never";
  parameters: Json[];
  requestBody?: { required: true; content: Json };
  responses: Record<string, { description: string; content: Json; headers?: Json }>;
}
