import type { DurableObject } from "cloudflare:workers";
import { app } from "#edge/app.ts";
import { RegionObject as Region } from "#objects/region/index.ts";
import { RegistryObject as Registry } from "#objects/registry/index.ts";
import { ReviewObject as Review } from "#objects/review/index.ts";
import { uplinkObject } from "#objects/stubs.ts";
import { TokensObject as Tokens } from "#objects/tokens/index.ts";
import { UplinkObject as Uplink } from "#objects/uplink/index.ts";
import { consoleFile } from "./console.ts";
import { edgeEnv, type NodeEnv, regionEnv } from "./env.ts";

export { ArtefactsObject } from "#objects/artefacts/index.ts";

type ObjectClass = new (ctx: DurableObjectState, env: Env) => DurableObject<Env>;

/** Returns a class of the edge's objects whose bindings are completed to the edge's. */
function onNode(of: ObjectClass, complete: (env: NodeEnv) => Env = edgeEnv): ObjectClass {
  return class extends of {
    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, complete(env as unknown as NodeEnv));
    }
  };
}

export const RegionObject = onNode(Region, regionEnv);
export const RegistryObject = onNode(Registry);
export const ReviewObject = onNode(Review);
export const TokensObject = onNode(Tokens);
export const UplinkObject = onNode(Uplink);

let isAwake = false;

/** Starts the uplink at the process's first request: nothing else does, where the node has never run before. */
async function wakeUplink(env: Env): Promise<void> {
  isAwake = true;
  try {
    await uplinkObject(env)?.wake();
  } catch (error) {
    isAwake = false;
    console.error(JSON.stringify({ event: "uplink-not-awake", error: String(error) }));
  }
}

/** The Worker of a node: the edge's, on a machine with a disk. `scripts/node/start.ts` sends its first request. */
export default {
  async fetch(request, env, context) {
    if (!isAwake) context.waitUntil(wakeUplink(edgeEnv(env)));
    return (await consoleFile(request, env.CONSOLE)) ?? app.fetch(request, edgeEnv(env), context);
  },
} satisfies ExportedHandler<NodeEnv>;
