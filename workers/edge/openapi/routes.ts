import type { OpenApi } from "#core/contract/index.ts";
import { openApiSchema } from "#core/contract/index.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { documentOf } from "./document.ts";
import { pageOf } from "./page.ts";

const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
};

/** Redirects a browser to the console, and a program to the documentation. */
function redirect({ request }: Call): Response {
  const location = request.headers.get("accept")?.includes("text/html") ? "/console/" : "/docs";
  return new Response(`${location}\n`, { status: 302, headers: { location, "content-type": "text/plain" } });
}

/** Routes that describe the API: the OpenAPI document and a page of it. */
export function openApiRoutes(others: readonly Route[]): Route[] {
  let known: OpenApi | null = null;
  const document = () => {
    known ??= documentOf([...others, ...own]);
    return known;
  };
  const own: Route[] = [
    {
      method: "GET",
      path: "/",
      scope: "public",
      operation: "open the console, or the documentation",
      contract: { replies: { 302: bytes("text/plain") } },
      handle: redirect,
    },
    {
      method: "GET",
      path: "/openapi.json",
      scope: "public",
      operation: "describe the API",
      contract: { replies: { 200: json(openApiSchema) } },
      handle: () => jsonResponse(document()),
    },
    {
      method: "GET",
      path: "/docs",
      scope: "public",
      operation: "read the API documentation",
      contract: { replies: { 200: bytes("text/html") } },
      handle: async ({ request }) =>
        new Response(String(await pageOf(document(), new URL(request.url).origin)), { headers }),
    },
  ];
  return own;
}
