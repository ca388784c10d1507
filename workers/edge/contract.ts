import type { ZodType } from "zod";

/** What a body may be, by its media type: a schema, or bytes. */
export type Content = Readonly<Record<string, ZodType | "bytes">>;

/** Something that a query or a header may say. */
export interface Parameter {
  description: string;
  type: "string" | "integer" | "boolean";
  values?: readonly string[];
  isRequired?: boolean;
}

/** Parameters by name. */
export type Parameters = Readonly<Record<string, Parameter>>;

/** What goes into a route and comes out of it, as the OpenAPI document has it. Problems are every route's. */
export interface Contract {
  query?: Parameters;
  headers?: Parameters;
  body?: Content;
  /** By status; null where there is no body. */
  replies: Readonly<Record<number, Content>>;
}

/** JSON by a schema. */
export function json(schema: ZodType): Content {
  return { "application/json": schema };
}

/** Bytes of some type. */
export function bytes(type = "application/octet-stream"): Content {
  return { [type]: "bytes" };
}

/** Waits up to N seconds for what is not there yet: `Prefer: wait=N`. */
export const preferWait: Parameters = {
  prefer: { description: "wait=N: up to N seconds for what is not there yet", type: "string" },
};
