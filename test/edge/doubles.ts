import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { app } from "#edge/app.ts";

/** Calls the edge as an admin with some bindings replaced. A new `NODE_ID` gives it a memory of its own. */
export async function callWith(
  bindings: Partial<Env>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  const context = createExecutionContext();
  const request = new Request(`https://edge.test${path}`, {
    method,
    headers: { authorization: "Bearer admin-token" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const response = await app.fetch(request, { ...env, ...bindings }, context);
  await waitOnExecutionContext(context);
  return response;
}

/** Calls the edge as `callWith` does; what goes on after the response, such as a flush of counts, is not waited for. */
export async function callAtOnce(
  bindings: Partial<Env>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
  const context = { waitUntil, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
  const headers = { authorization: "Bearer admin-token" };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return app.fetch(new Request(`https://edge.test${path}`, init), { ...env, ...bindings }, context);
}

/** Replaces every region's object with one whose methods all throw `error`; `calls` lists the methods called. */
export function failingRegion(error: Error): { bindings: Partial<Env>; calls: string[] } {
  const calls: string[] = [];
  const stub = new Proxy(
    {},
    {
      get: (_, method) => async () => {
        calls.push(String(method));
        throw error;
      },
    },
  );
  const REGION = { idFromName: (name: string) => name, get: () => stub } as unknown as Env["REGION"];
  return { bindings: { REGION }, calls };
}

/** Stands in for a KV that fails: workerd's own never does. */
export function failingKv(how: "throws" | "hangs"): Env["CACHE"] {
  const fails = () =>
    how === "throws" ? Promise.reject(new Error("KV GET failed: 500 Internal Server Error")) : new Promise(() => {});
  return { get: fails, put: fails, delete: fails, list: fails } as unknown as Env["CACHE"];
}

/** Replaces every registry by one whose methods all throw `error`. */
export function failingRegistry(error: Error): Partial<Env> {
  const stub = new Proxy({}, { get: () => async () => Promise.reject(error) });
  return { REGISTRY: { idFromName: (name: string) => name, get: () => stub } as unknown as Env["REGISTRY"] };
}
