import type { ZodType } from "zod";
import * as z from "zod";
import { type OpenApi, type Operation, problemSchema } from "#core/contract/index.ts";
import { jsonSchemas } from "#core/contract/json-schemas.ts";
import type { Route } from "../call.ts";
import type { Content, Parameters } from "../contract.ts";
import { errorSchema } from "../protocols/open-inference/schema.ts";

type Json = Record<string, unknown>;

/** Makes the document of routes: the very schemas that check their bodies, each once, by its name. */
export function documentOf(routes: readonly Route[]): OpenApi {
  const paths: OpenApi["paths"] = {};
  for (const route of routes) {
    const path = pathOf(route);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Upriver",
      version: "1",
      description:
        "Questions go up, models go down. A model answers near the asker; what it is not sure of escalates to the region, " +
        "the origin, at last a person. Errors are RFC 9457 problem documents.",
    },
    security: [{ token: [] }],
    paths,
    components: {
      schemas: jsonSchemas((name) => `${schemaPath}${name}`),
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "A token of this deployment." } },
    },
  };
}

/** A route's path as OpenAPI writes it: what the router takes with a parameter comes after it. */
export function pathOf({ path }: Pick<Route, "path">): string {
  return path.replace(/:(\w+)\{\[\^\/\]\+([^}]*)\}/g, "{$1}$2").replace(/:(\w+)/g, (whole, name, at, text) => {
    return text[at - 1] === "/" ? `{${name}}` : whole;
  });
}

function operationOf(route: Route): Operation {
  const { method, operation, scope, contract, refuse } = route;
  const path = pathOf(route);
  const { body, replies } = contract;
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const refused = refuse ? { "application/json": errorSchema } : { "application/problem+json": problemSchema };
  return {
    operationId: `${method.toLowerCase()} ${path}`,
    summary: operation,
    security: scope === "public" ? [] : [{ token: [] }],
    "x-scope": scope,
    parameters: [
      ...named.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
      ...parametersOf("query", contract.query),
      ...parametersOf("header", contract.headers),
    ],
    ...(body ? { requestBody: { required: true as const, content: contentOf(body) } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(replies).map(([status, content]) => [
          status,
          { description: statusText(Number(status)), content: contentOf(content) },
        ]),
      ),
      default: { description: "What was expected, what came, and what to do next", content: contentOf(refused) },
    },
  };
}

function parametersOf(where: "query" | "header", parameters: Parameters = {}): Json[] {
  return Object.entries(parameters).map(([name, { description, type, values, isRequired = false }]) => ({
    ...{ name, in: where, description, required: isRequired },
    schema: { type, ...(values ? { enum: values } : {}) },
  }));
}

function contentOf(content: Content): Json {
  const entries = Object.entries(content).map(([type, schema]) => {
    return [type, schema === "bytes" ? { schema: { type: "string", format: "binary" } } : { schema: refOf(schema) }];
  });
  return Object.fromEntries(entries);
}

const schemaPath = "#/components/schemas/";

function refOf(schema: ZodType): Json {
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) throw new Error("Error in documentOf: a body's schema has no name; give it .meta({ id })");
  return { $ref: `${schemaPath}${id}` };
}

function statusText(status: number): string {
  switch (status) {
    case 201:
      return "Stored";
    case 202:
      return "Taken; the answer comes later";
    default:
      return "Done";
  }
}
