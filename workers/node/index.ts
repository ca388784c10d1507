import { app } from "#edge/app.ts";
import { RegionObject as Region } from "#objects/region/index.ts";
import { RegistryObject as Registry } from "#objects/registry/index.ts";
import { ReviewObject as Review } from "#objects/review/index.ts";
import { TokensObject as Tokens } from "#objects/tokens/index.ts";
import { consoleFile } from "./console.ts";
import { edgeEnv, type NodeEnv } from "./env.ts";

export { ArtefactsObject } from "#objects/artefacts/index.ts";

export class RegionObject extends Region {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, edgeEnv(env as unknown as NodeEnv));
  }
}

export class RegistryObject extends Registry {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, edgeEnv(env as unknown as NodeEnv));
  }
}

export class ReviewObject extends Review {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, edgeEnv(env as unknown as NodeEnv));
  }
}

export class TokensObject extends Tokens {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, edgeEnv(env as unknown as NodeEnv));
  }
}

/** The Worker of a node: the edge's, on a machine with a disk. */
export default {
  async fetch(request, env, context) {
    return (await consoleFile(request, env.CONSOLE)) ?? app.fetch(request, edgeEnv(env), context);
  },
} satisfies ExportedHandler<NodeEnv>;
