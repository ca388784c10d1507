import { Validator } from "@cfworker/json-schema";
import { describe, expect, it } from "vitest";
import type { OpenApi } from "#core/contract/index.ts";
import { routed } from "#edge/app.ts";
import { documentOf, pathOf } from "#edge/openapi/document.ts";
import { routes } from "#edge/routes/index.ts";
import { ApiCheck } from "../helpers/api-check.ts";
import { call } from "../helpers/edge.ts";

async function fetched(): Promise<OpenApi> {
  return (await call("GET", "/openapi.json", { token: null })).json();
}

describe("the OpenAPI document", () => {
  it("has exactly the routes of the application", async () => {
    const document = await fetched();
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    // Middleware is registered for all methods.
    const served = routed.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${pathOf({ path })}`);
    expect(described.sort()).toEqual([...new Set(served)].sort());
    expect(described).toContain("POST /v1/models/{model}:predict");
    expect(described).toContain("POST /v1/models/{model}/ask");
  });

  it("contains each schema that it refers to, and the scope of each route", async () => {
    const document = await fetched();
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(100);
    for (const name of new Set(names)) expect(Object.keys(document.components.schemas)).toContain(name);
    for (const route of routes) {
      const operation = document.paths[pathOf(route)]?.[route.method.toLowerCase()];
      expect(operation?.["x-scope"]).toBe(route.scope);
      expect(operation?.summary).toMatch(/^[A-Z]/);
      expect(document.tags.map(({ name }) => name)).toContain(operation?.tags[0]);
      for (const parameter of operation?.parameters ?? []) expect(parameter.description).toMatch(/\w/);
      expect(operation?.security).toEqual(route.scope === "public" ? [] : [{ token: [] }]);
    }
  });

  it("has an example of each kind of body that its schema takes", async () => {
    const document = await fetched();
    const { components } = document;
    const validator = ($ref: string) => new Validator({ $ref, components } as object, "2020-12");
    const bodies = Object.values(document.paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ requestBody }) => (requestBody ? [requestBody.content["application/json"]] : []))
      .filter(
        (body): body is { schema: { $ref: string }; example: unknown } =>
          (body as { example?: unknown })?.example !== undefined,
      );
    expect(bodies.length).toBeGreaterThan(8);
    for (const { schema, example } of bodies) {
      expect([schema.$ref, validator(schema.$ref).validate(example).errors]).toEqual([schema.$ref, []]);
    }
  });

  it("describes responses exactly: a differing response fails the check", async () => {
    const api = new ApiCheck(documentOf(routes));
    const url = "https://edge.test/v1/models";
    const reply = (body: unknown, status = 200) => api.check("GET", url, Response.json(body, { status }));
    await reply({ models: [] });
    await expect(reply({ models: [], more: 1 })).rejects.toThrow("more");
    await expect(reply({ models: [{ model: "a" }] })).rejects.toThrow();
    await expect(reply({}, 201)).rejects.toThrow("no such status");
    await expect(reply({ models: [] }, 404)).rejects.toThrow("problem+json");
  });
});

describe("the page of the API", () => {
  it("has every route and schema, and no script", async () => {
    const response = await call("GET", "/docs", { token: null });
    const text = await response.text();
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    for (const path of Object.keys((await fetched()).paths)) expect(text).toContain(path);
    expect(text).toContain('id="Answer"');
    expect(text).not.toContain("<script");
  });
});
