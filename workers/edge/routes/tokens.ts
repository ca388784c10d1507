import {
  bodyMaxBytes,
  issuedTokenSchema,
  newTokenSchema,
  rotationSchema,
  type TokenRecord,
  tokenChangeSchema,
  tokenRecordSchema,
  tokensSchema,
} from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { readJson } from "#core/http/problem.ts";
import type { Result } from "#core/result.ts";
import { makeTokenSecret } from "#core/tokens.ts";
import { tokensObject } from "#objects/stubs.ts";
import type { TokenRefusal } from "#objects/tokens/api.ts";
import { refresh } from "../access/issued.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { json } from "../contract.ts";
import { tokenFault } from "./token-fault.ts";

const hourMs = 3600_000;

async function listTokens(call: Call): Promise<Response> {
  return jsonResponse(await tokensObject(call.env).list(call.query("after")));
}

async function createToken(call: Call): Promise<Response> {
  const token = await readJson(call.request, newTokenSchema, bodyMaxBytes);
  call.noted.target = token.id;
  const secret = makeTokenSecret(token.id);
  const record = await changed(call, tokensObject(call.env).create(token, await sha256Hex(secret)));
  return jsonResponse({ token: secret, record }, 201);
}

async function changeToken(call: Call): Promise<Response> {
  const change = await readJson(call.request, tokenChangeSchema, bodyMaxBytes);
  return jsonResponse(await changed(call, tokensObject(call.env).change(idOf(call), change)));
}

async function rotateToken(call: Call): Promise<Response> {
  const { oldValidHours } = await readJson(call.request, rotationSchema, bodyMaxBytes);
  const id = idOf(call);
  const secret = makeTokenSecret(id);
  const oldValidMs = Math.round(oldValidHours * hourMs);
  const record = await changed(call, tokensObject(call.env).rotate(id, await sha256Hex(secret), oldValidMs));
  return jsonResponse({ token: secret, record });
}

async function revokeToken(call: Call): Promise<Response> {
  return jsonResponse(await changed(call, tokensObject(call.env).revoke(idOf(call))));
}

function idOf({ params }: Call): string {
  return params.id as string;
}

// This isolate knows the change at once, others within 30 s.
async function changed(call: Call, pending: Promise<Result<TokenRecord, TokenRefusal>>): Promise<TokenRecord> {
  const result = await pending;
  if (!result.ok) throw tokenFault(result.error);
  await refresh(call);
  return result.value;
}

const path = "/v1/tokens";

/** Routes of the deployment's tokens. Only an admin of all models and regions may use them. */
export const tokenRoutes: readonly Route[] = [
  {
    method: "GET",
    path,
    scope: "admin",
    reach: "deployment",
    operation: "list tokens",
    contract: {
      query: {
        after: { description: "The id after which the page starts: `next` of the page before", type: "string" },
      },
      replies: { 200: json(tokensSchema) },
    },
    handle: listTokens,
  },
  {
    method: "POST",
    path,
    scope: "admin",
    reach: "deployment",
    audit: "always",
    operation: "create a token",
    contract: {
      body: json(newTokenSchema),
      example: { id: "app", scopes: ["ask", "teach"], models: ["storefront"] },
      replies: { 201: json(issuedTokenSchema) },
    },
    handle: createToken,
  },
  {
    method: "POST",
    path: `${path}/:id`,
    scope: "admin",
    reach: "deployment",
    audit: "always",
    operation: "change a token",
    contract: { body: json(tokenChangeSchema), replies: { 200: json(tokenRecordSchema) } },
    handle: changeToken,
  },
  {
    method: "POST",
    path: `${path}/:id/rotate`,
    scope: "admin",
    reach: "deployment",
    audit: "always",
    operation: "rotate a token",
    contract: { body: json(rotationSchema), replies: { 200: json(issuedTokenSchema) } },
    handle: rotateToken,
  },
  {
    method: "DELETE",
    path: `${path}/:id`,
    scope: "admin",
    reach: "deployment",
    audit: "always",
    operation: "revoke a token",
    contract: { replies: { 200: json(tokenRecordSchema) } },
    handle: revokeToken,
  },
];
