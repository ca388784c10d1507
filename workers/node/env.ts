import { type ArtefactsApi, artefactsObjectName } from "#objects/artefacts/api.ts";
import type { ArtefactsObject } from "#objects/artefacts/index.ts";
import type { Remote } from "#objects/stubs.ts";
import { bucketOn } from "./bucket.ts";
import { cacheInMemory } from "./cache.ts";

/** The bindings of a node: those of the edge that workerd has by itself, an object for artefacts, and the console's files. */
export interface NodeEnv extends Omit<Env, "ARTEFACTS" | "CACHE" | "QUESTION_RATE"> {
  ARTEFACTS_OBJECT: DurableObjectNamespace<ArtefactsObject>;
  CONSOLE: Fetcher;
}

const known = new WeakMap<object, Env>();
const cache = cacheInMemory();

/** Completes a node's bindings to those of the edge. Every isolate and object of the node shares the cache. */
export function edgeEnv(env: NodeEnv): Env {
  const made = known.get(env);
  if (made) return made;
  const { ARTEFACTS_OBJECT: namespace, CONSOLE: _, ...own } = env;
  const store = () => namespace.get(namespace.idFromName(artefactsObjectName)) as unknown as Remote<ArtefactsApi>;
  const whole = { ...own, RUNG_KIND: "node", ARTEFACTS: bucketOn(store), CACHE: cache } as unknown as Env;
  known.set(env, whole);
  return whole;
}

/** The bindings of a node's regions: they ask no rung above where nothing that holds an instance may leave the site. */
export function regionEnv(env: NodeEnv): Env {
  const whole = edgeEnv(env);
  return (env.SHARE || "samples") === "samples" ? whole : { ...whole, NEXT_RUNG_URL: "" };
}
