import { DurableObject } from "cloudflare:workers";
import type { UplinkState } from "#core/contract/index.ts";
import { rungHostOf } from "#core/rung-kind.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { regionObject, registryObject } from "../stubs.ts";
import { Above } from "./above.ts";
import type { UplinkApi } from "./api.ts";
import { migrations } from "./migrations.ts";
import { Pulling } from "./pulling.ts";
import { Rounds } from "./rounds.ts";
import { Line } from "./tables/line.ts";
import { TakenModels } from "./tables/taken.ts";

/** A node's connection to the rung above. There is one, and only in the Worker of a node. */
export class UplinkObject extends DurableObject<Env> implements UplinkApi {
  private readonly jobs: Jobs;
  private readonly line: Line;
  private readonly taken: TakenModels;
  private readonly rounds: Rounds;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const { sql } = ctx.storage;
    const line = new Line(sql);
    const taken = new TakenModels(sql);
    const above = new Above(env.NEXT_RUNG_URL, env.NEXT_RUNG_TOKEN);
    this.jobs = new Jobs(ctx.storage, {
      round: () => this.rounds.run(),
      model: (model) => pulling.take(model),
    });
    const registry = (model: string) => registryObject(env, model);
    const { ARTEFACTS: artefacts, PUBLISH_KEYS: publishKeys } = env;
    const pulling = new Pulling({
      ...{ above, publishKeys, artefacts, taken, jobs: this.jobs, registry },
      host: rungHostOf(env),
    });
    this.rounds = new Rounds({
      ...{
        nodeId: env.NODE_ID,
        seconds: env.UPLINK_SECONDS,
        share: env.SHARE,
        host: env.NODE_HOST,
        above,
        line,
        taken,
        pulling,
      },
      regions: async (model) => (await registry(model).regions()).map((region) => regionObject(env, model, region)),
    });
    this.line = line;
    this.taken = taken;
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  wake(): void {
    if (this.env.NEXT_RUNG_URL !== "") this.jobs.bringForward("round", "", Date.now());
  }

  state(): UplinkState {
    const models = this.taken.all().map(({ triedAt: _, ...model }) => model);
    return { above: this.env.NEXT_RUNG_URL, ...this.line.get(), heardAt: this.rounds.heardAt, models };
  }
}
