import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { blobKey } from "#core/artefacts.ts";
import { app } from "#edge/app.ts";
import { eventually } from "../helpers/edge.ts";
import { journey, journeyModel, journeyModels } from "../neighbours/journey.ts";
import type { ObjectName, RecordedCall } from "../neighbours/pair.ts";
import recorded from "../neighbours/recorded.json" with { type: "json" };

const calls = recorded.calls as RecordedCall[];
const objectNames = ["REGION", "REGISTRY", "REVIEW"] as const;

beforeAll(async () => {
  for (const { blobs } of await journeyModels()) {
    for (const [sha256, bytes] of blobs) await env.ARTEFACTS.put(blobKey(sha256), bytes);
  }
});

/** Lists what an earlier reader needs of a reply and does not find: fields, or values of another type. */
function missing(before: unknown, now: unknown, path = "reply"): string[] {
  // A value may come and go with time; a field that a reader knows may not.
  if (before === null || now === null) return now === undefined ? [path] : [];
  if (typeof before !== typeof now || Array.isArray(before) !== Array.isArray(now)) {
    return before === undefined ? [] : [`${path} is ${typeof now}, was ${typeof before}`];
  }
  if (Array.isArray(before)) {
    return before.length > 0 && (now as unknown[]).length > 0
      ? missing(before[0], (now as unknown[])[0], `${path}[0]`)
      : [];
  }
  if (typeof before !== "object") return [];
  return Object.entries(before as object).flatMap(([name, value]) =>
    name in (now as object)
      ? missing(value, (now as Record<string, unknown>)[name], `${path}.${name}`)
      : [`${path}.${name}`],
  );
}

describe("during a deployment", () => {
  // Node's own run has both Workers: node test/neighbours/run.ts <commit>.
  it("the objects of now take the recorded calls of the Worker before, and reply with all that it reads", async () => {
    const faults: string[] = [];
    for (const { object, name, method, args, reply } of calls) {
      const namespace = env[object] as unknown as DurableObjectNamespace;
      const stub = namespace.get(namespace.idFromName(name)) as unknown as Record<
        string,
        (...args: unknown[]) => Promise<unknown>
      >;
      const send = async () => JSON.parse(JSON.stringify((await stub[method]?.(...args)) ?? null));
      // The queue gets its questions by a job.
      const now =
        method === "lease" && (reply as unknown[]).length > 0
          ? await eventually(async () => {
              const found = (await send()) as unknown[];
              expect(found.length).toBeGreaterThan(0);
              return found;
            })
          : await send();
      const was = reply ?? null;
      faults.push(...missing(was, now).map((fault) => `${object}.${method}: ${fault}`));
      const isOk = (one: unknown) => (one as { ok?: boolean } | null)?.ok;
      if (isOk(was) !== isOk(now))
        faults.push(`${object}.${method}: ok is ${isOk(now)}, was ${isOk(was)}: ${JSON.stringify(now)}`);
    }
    expect(faults).toEqual([]);
  });

  it("the Worker of now works with the recorded replies of the objects before", async () => {
    let step = 0;
    const unknown = new Set<string>();
    const stubOf = (object: ObjectName, name: string) =>
      new Proxy(
        {},
        {
          get: (_, method) => async () => {
            const same = calls.filter((one) => one.object === object && one.name === name && one.method === method);
            const before = same.findLast((one) => one.step <= step);
            // The Worker of now asks earlier whether a region has a head: it had none yet.
            if (!before && method === "headPointer") return { revision: 0, head: null, rule: null };
            const found = before ?? same[0];
            if (found) return structuredClone(found.reply);
            unknown.add(`${object}.${String(method)}`);
            // What workerd throws for a method that an object does not have.
            throw new TypeError(`The RPC receiver does not implement the method "${String(method)}".`);
          },
        },
      );
    // Other tests have models of their own in the same stores.
    const isOurs = (name: string) => name.split("~")[0] === journeyModel;
    const doubles = Object.fromEntries(
      objectNames.map((object) => {
        const real = env[object] as unknown as DurableObjectNamespace;
        const get = (name: string) => (isOurs(name) ? stubOf(object, name) : real.get(real.idFromName(name)));
        return [object, { idFromName: (name: string) => name, get }];
      }),
    );
    // KV has nothing: the edge reads pointers from the registry.
    const CACHE = { get: async () => null, put: async () => {}, list: async () => ({ keys: [] }) };
    const bindings = { ...env, ...doubles, CACHE, NODE_ID: "edge-of-now" } as unknown as Env;
    // What goes on after a reply, such as the flush of counts, is not waited for.
    const waitUntil = (work: Promise<unknown>) => void work.catch(() => {});
    const context = { waitUntil, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const steps = await journey(
      async (method, path, init) => {
        return app.fetch(new Request(`https://edge.test${path}`, { method, ...init }), bindings, context);
      },
      (next) => {
        step = next;
      },
    );
    // A blob that is there already is 200 instead of 201.
    const statuses = (all: typeof steps) => all.map((one) => `${one.step} ${one.status === 201 ? 200 : one.status}`);
    expect(statuses(steps)).toEqual(statuses(recorded.steps));
    // What the Worker of now asks beyond that, it can do without.
    console.log(`not known to the objects before: ${[...unknown].join(", ") || "nothing"}`);
  });
});
