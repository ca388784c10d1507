import type { ZodType } from "zod";
import * as z from "zod";
import { type OpenApi, type Operation, problemSchema } from "#core/contract/index.ts";
import { jsonSchemas } from "#core/contract/json-schemas.ts";
import type { Route } from "../call.ts";
import type { Content, ParameterMap } from "../contract.ts";
import { errorSchema } from "../protocols/open-inference/schema.ts";
import { tags, taskOf } from "./tasks.ts";

type Json = Record<string, unknown>;

/** Builds the OpenAPI document of routes, from the schemas that validate their bodies. */
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
        "Upriver answers questions at the edge with a small model, and escalates what the small model does not accept: " +
        "to the caller's region, to a larger model at the origin, and finally to a person. Labels from people and true " +
        "outcomes train a head for each region. Send questions to POST /v1/models/{model}/ask with an API token as " +
        "`Authorization: Bearer <token>`. Errors are RFC 9457 problem documents: `detail` says what happened, and " +
        "`next` what to do.",
    },
    security: [{ token: [] }],
    tags,
    paths,
    components: {
      schemas: jsonSchemas((name) => `${schemaPath}${name}`),
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description:
            "An API token of this deployment. `x-scope` of an operation is the scope that its token needs, `x-reach` what the token must not be limited in.",
        },
      },
    },
  };
}

/** Converts a route's path to OpenAPI's notation. A suffix that the router matches as part of a parameter follows it. */
export function pathOf({ path }: Pick<Route, "path">): string {
  return path.replace(/:(\w+)\{\[\^\/\]\+([^}]*)\}/g, "{$1}$2").replace(/:(\w+)/g, (whole, name, at, text) => {
    return text[at - 1] === "/" ? `{${name}}` : whole;
  });
}

function operationOf(route: Route): Operation {
  const { method, operation, scope, reach, audit, contract, refuse } = route;
  const path = pathOf(route);
  const { body, replies } = contract;
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const refused = refuse
    ? { "application/json": contract.error ?? errorSchema }
    : { "application/problem+json": problemSchema };
  return {
    operationId: `${method.toLowerCase()} ${path}`,
    tags: [taskOf(path)],
    summary: sentenceCase(operation),
    description: `${needsOf(route)}${audit ? auditTexts[audit] : ""}`,
    security: scope === "public" ? [] : [{ token: [] }],
    "x-scope": scope,
    ...(reach ? { "x-reach": reach } : {}),
    ...(audit ? { "x-audit": audit } : {}),
    parameters: [
      ...named.map((name) => ({
        ...pathParameter(name, path),
        in: "path",
        required: true,
        schema: { type: "string" },
      })),
      ...parametersOf("query", contract.query),
      ...parametersOf("header", contract.headers),
    ],
    ...(body
      ? { requestBody: { required: true as const, content: withExample(contentOf(body), contract.example) } }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(replies).map(([status, content]) => [
          status,
          { description: statusText(Number(status)), content: contentOf(content) },
        ]),
      ),
      ...(scope === "public" ? {} : refusedForNow(contentOf(refused))),
      default: {
        description: "An error: what happened, what was expected, and what to do next",
        content: contentOf(refused),
      },
    },
  };
}

function needsOf({ scope, reach }: Route): string {
  if (scope === "public") return "Needs no token.";
  const limits = { "all-regions": " for all regions", deployment: " for all models and regions" };
  const scoped = scope === "any" ? "a token with any scope" : `a token with the scope \`${scope}\``;
  return `Needs ${scoped}${reach ? limits[reach] : ""}.`;
}

const auditTexts = {
  always: " The audit log records it.",
  admin: " The audit log records it where an admin does it.",
  never: "",
} as const;

/** The replies to a request that may be sent again later. */
function refusedForNow(content: Json) {
  const after = { description: "Seconds until the request may be sent again", schema: { type: "integer" } };
  const headers = { "retry-after": after };
  return {
    429: { description: "The token has reached a limit, which `limit` names", content, headers },
    503: { description: "The region is saturated, or an object or the rung above can't be reached", content, headers },
  };
}

const pathDescriptions: Readonly<Record<string, string>> = {
  model: "Name of the model; GET /v1/models lists them",
  region: "Name of the region; GET /v1/models/{model}/regions lists them",
  version: "Number of the version; GET /v1/models/{model}/versions lists them",
  contribution: "What the contributor calls it; the same again replaces it",
  webhook: "Id of the webhook; GET /v1/models/{model}/alerts lists them",
  sha256: "SHA-256 of the blob in lower-case hex; a manifest lists its blobs",
};

function pathParameter(name: string, path: string): Json {
  if (name !== "id") return { name, description: pathDescriptions[name] };
  if (path.includes("/trainings/")) return { name, description: "Id of the training" };
  if (path.startsWith("/v1/tokens/")) return { name, description: "Id of the token; GET /v1/tokens lists them" };
  return { name, description: "Id of the question, from its answer" };
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function parametersOf(where: "query" | "header", parameters: ParameterMap = {}): Json[] {
  return Object.entries(parameters).map(([name, { description, type, values, isList, isRequired = false }]) => {
    const schema = { type, ...(values ? { enum: values } : {}) };
    const base = { name, in: where, description, required: isRequired };
    return { ...base, schema: isList ? { type: "array", items: schema } : schema };
  });
}

function contentOf(content: Content): Json {
  const entries = Object.entries(content).map(([type, schema]) => {
    if (schema === "bytes") return [type, { schema: binary }];
    if (!("maxBytes" in schema)) return [type, { schema: refOf(schema) }];
    return [type, { schema: { ...binary, maxLength: schema.maxBytes, description: schema.description } }];
  });
  return Object.fromEntries(entries);
}

/** Adds an example to JSON content. */
function withExample(content: Json, example: unknown): Json {
  const own = content["application/json"];
  return example === undefined || !own ? content : { ...content, "application/json": { ...own, example } };
}

const binary = { type: "string", format: "binary" };

const schemaPath = "#/components/schemas/";

function refOf(schema: ZodType): Json {
  const id = z.globalRegistry.get(schema)?.id;
  if (id === undefined) throw new Error("The schema of a body has no name. Add .meta({ id }) to it.");
  return { $ref: `${schemaPath}${id}` };
}

function statusText(status: number): string {
  switch (status) {
    case 201:
      return "Stored";
    case 202:
      return "Accepted; the answer follows later";
    case 304:
      return "Not modified";
    default:
      return "Success";
  }
}
