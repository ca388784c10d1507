import { env } from "cloudflare:workers";
import { RegionObject } from "#objects/region/index.ts";
import { RegistryObject } from "#objects/registry/index.ts";

/** How a store fails. */
export const storeFaults = ["missing", "corrupt", "slow", "throws"] as const;
export type StoreFault = (typeof storeFaults)[number];

const slowMs = 120;

type Method = (this: unknown, ...given: unknown[]) => unknown;
type Methods = Record<string, Method>;

/** An object that may be killed: its context and its SQL. */
export interface Victim {
  context: DurableObjectState;
  sql: SqlStorage;
}

/** What is broken now, of everything that runs in this isolate: the edge, the objects, and their stores. */
interface Broken {
  /** Kills the victim before its n-th statement. */
  kill: { victim: Victim; at: number; counted: number } | null;
  kv: StoreFault | null;
  r2: StoreFault | null;
  /** Added to the clocks of the edge and of the objects, in ms. */
  clocks: { edge: number; objects: number };
  /** Where requests to the origin go instead. */
  origin: string | null;
}

const sound = (): Broken => ({ kill: null, kv: null, r2: null, clocks: { edge: 0, objects: 0 }, origin: null });
let broken = sound();
let inObjects = 0;

export function breakNow(change: Partial<Broken>): void {
  broken = { ...broken, ...change };
}

/** Repairs everything. Returns how many statements the victim of a kill had run, and whether it was killed. */
export function repairAll(): { counted: number; killed: boolean } {
  const { kill } = broken;
  broken = sound();
  return { counted: kill?.counted ?? 0, killed: kill !== null && kill.counted >= kill.at };
}

/** Puts the faults into workerd's own classes, so that the code under test runs as it is. Returns how to take them out. */
export async function install(sample: SqlStorage): Promise<() => void> {
  const undo = [
    replace(Object.getPrototypeOf(sample), ["exec"], countStatement),
    replace(Object.getPrototypeOf(env.CACHE), ["get", "put"], (name, method) => failing("kv", name, method)),
    replace(Object.getPrototypeOf(env.ARTEFACTS), ["get", "put", "head"], (name, method) =>
      failing("r2", name, method),
    ),
    replace(globalThis as never, ["fetch"], (_, method) => redirected(method)),
    replace(Date as never, ["now"], (_, method) => skewed(method)),
    ...[RegionObject, RegistryObject].map(({ prototype }) => {
      const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
      return replace(prototype as never, names, (__, method) => inObject(method));
    }),
  ];
  return () => {
    for (const one of undo.reverse()) one();
  };
}

function replace(target: Methods, names: string[], wrap: (name: string, method: Method) => Method): () => void {
  const before = names.map((name) => [name, target[name] as Method] as const);
  for (const [name, method] of before) target[name] = wrap(name, method);
  return () => {
    for (const [name, method] of before) target[name] = method;
  };
}

function countStatement(_: string, exec: Method): Method {
  return function (...given) {
    const { kill } = broken;
    if (kill && this === kill.victim.sql) {
      kill.counted++;
      if (kill.counted === kill.at) kill.victim.context.abort("killed by the test of faults");
    }
    return exec.apply(this, given);
  };
}

function failing(store: "kv" | "r2", name: string, method: Method): Method {
  return async function (...given) {
    const fault = broken[store];
    if (fault === "throws") throw new Error(`${store} ${name} failed: 500 Internal Server Error (10001)`);
    if (fault === "slow") {
      // A KV that hangs, an R2 that is slow.
      if (store === "kv") return new Promise(() => {});
      await scheduler.wait(slowMs);
    }
    if (name !== "get") return method.apply(this, given);
    if (fault === "missing") return Array.isArray(given[0]) ? new Map() : null;
    const value = await method.apply(this, given);
    return fault === "corrupt" ? corrupted(value) : value;
  };
}

function corrupted(value: unknown): unknown {
  if (typeof value === "string") return `${value.slice(0, value.length / 2)}#${value.slice(value.length / 2 + 1)}`;
  if (value instanceof ArrayBuffer) {
    const bytes = new Uint8Array(value.slice(0));
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 0x10;
    return bytes.buffer;
  }
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [key, corrupted(one)]));
  if (value === null || typeof value !== "object" || !("arrayBuffer" in value)) return value;
  // An object of R2.
  const object = value as { arrayBuffer(): Promise<ArrayBuffer>; text(): Promise<string> };
  return {
    arrayBuffer: async () => corrupted(await object.arrayBuffer()),
    text: async () => corrupted(await object.text()),
  };
}

function redirected(method: Method): Method {
  return function (input, ...rest) {
    const { origin } = broken;
    const isAbove = origin !== null && typeof input === "string" && input.startsWith(env.NEXT_RUNG_URL);
    return method.call(this, isAbove ? `${origin}${input.slice(env.NEXT_RUNG_URL.length)}` : input, ...rest);
  };
}

function skewed(now: Method): Method {
  return () => (now.call(Date) as number) + (inObjects > 0 ? broken.clocks.objects : broken.clocks.edge);
}

// While an object's method runs, the edge waits for it: its clock is the object's.
function inObject(method: Method): Method {
  return function (...given) {
    inObjects++;
    let value: unknown;
    try {
      value = method.apply(this, given);
    } catch (error) {
      inObjects--;
      throw error;
    }
    if (!(value instanceof Promise)) inObjects--;
    else void value.then(leave, leave);
    return value;
  };
}

function leave(): void {
  inObjects--;
}
