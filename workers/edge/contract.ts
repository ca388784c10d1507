import type { ZodType } from "zod";

/** Bytes with a limit, which the OpenAPI document names. */
export interface LimitedBytes {
  description: string;
  maxBytes: number;
}

/** The content of a body by media type: a schema or bytes. */
export type Content = Readonly<Record<string, ZodType | LimitedBytes | "bytes">>;

/** A query parameter or a header. */
export interface Parameter {
  description: string;
  type: "string" | "integer" | "boolean";
  /** Whether it may be repeated, each time with another value. */
  isList?: boolean;
  values?: readonly string[];
  isRequired?: boolean;
}

/** The parameters of a route, by name. */
export type ParameterMap = Readonly<Record<string, Parameter>>;

/** The inputs and replies of a route in the OpenAPI document. Every route can also reply with a problem. */
export interface Contract {
  query?: ParameterMap;
  headers?: ParameterMap;
  body?: Content;
  /** A JSON body, for the documentation. */
  example?: unknown;
  /** The content of each reply, by status. */
  replies: Readonly<Record<number, Content>>;
  /** The JSON of a refusal, where a protocol has a form of its own. */
  error?: ZodType;
}

/** Describes JSON content by its schema. */
export function json(schema: ZodType): Content {
  return { "application/json": schema };
}

/** Describes content as bytes of a media type. */
export function bytes(type = "application/octet-stream"): Content {
  return { [type]: "bytes" };
}

/** The header `Prefer: wait=N`: wait up to N seconds for a result. */
export const preferWait: ParameterMap = {
  prefer: { description: "wait=N: wait up to N seconds for a result that is not available yet", type: "string" },
};
