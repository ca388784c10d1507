import { exports } from "cloudflare:workers";
import type { Alert, Answer, Instance, Manifest } from "#core/contract/index.ts";
import { documentOf } from "#edge/openapi/document.ts";
import { routes } from "#edge/routes/index.ts";
import { ApiCheck } from "./api-check.ts";
import { type ModelOptions, type TestModel, testModel } from "./model.ts";
import { originModels } from "./origin-models.ts";

export interface CallOptions {
  token?: string | null;
  /** A JSON value, or raw bytes or text. */
  body?: unknown;
  raw?: string | Uint8Array;
  headers?: Record<string, string>;
}

const api = new ApiCheck(documentOf(routes));

/** Calls the Worker over HTTP, as an admin by default. Throws when the response does not match the OpenAPI document. */
export async function call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const url = `https://edge.test${path}`;
  const response = await send(method, url, options);
  await api.check(method, url, response);
  return response;
}

function send(method: string, url: string, options: CallOptions): Promise<Response> {
  const { token = "admin-token", body, raw, headers } = options;
  return (exports as unknown as { default: Fetcher }).default.fetch(url, {
    method,
    redirect: "manual",
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(raw === undefined ? {} : { body: raw as BodyInit }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Publishes a model through the API and rolls it out to all callers. */
export async function publish(options: ModelOptions, rollout: object | null = {}): Promise<TestModel> {
  const known = options.model ? originModels[options.model] : {};
  const built = await testModel({ ...known, ...options });
  await publishBuilt(built, rollout);
  return built;
}

/** Publishes a signed manifest with its blobs and rolls it out to all callers. */
export async function publishBuilt(
  { manifest, blobs }: { manifest: Manifest; blobs: TestModel["blobs"] },
  rollout: object | null = {},
): Promise<void> {
  const { model, version } = manifest;
  for (const [sha256, bytes] of blobs) await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: bytes }));
  await expectOk(call("PUT", `/v1/models/${model}/versions/${version}`, { body: manifest }));
  if (rollout) await expectOk(call("POST", `/v1/models/${model}/rollout`, { body: { version, ...rollout } }));
}

/** Returns an instance of the test models. */
export function instance(seed = 0, region = "north"): Instance {
  return { region, x0: seed / 10, x1: 1, x2: -0.5, x3: null };
}

/** Asks one question; returns the answer. */
export async function ask(model: string, body: object, options: CallOptions = {}): Promise<Answer> {
  const response = await expectOk(call("POST", `/v1/models/${model}/ask`, { token: "ask-token", ...options, body }));
  return response.json();
}

/** Lists the alerts of a model, the newest first. */
export async function alertsOf(model: string): Promise<Alert[]> {
  const response = await expectOk(call("GET", `/v1/models/${model}/alerts`));
  return (await response.json<{ alerts: Alert[] }>()).alerts;
}

export async function expectOk(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return response;
}

/** Repeats a check until it passes; throws its last error after the timeout. */
export async function eventually<T>(check: () => Promise<T>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await scheduler.wait(20);
    }
  }
}
