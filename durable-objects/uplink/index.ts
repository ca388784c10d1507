import { DurableObject } from "cloudflare:workers";
import type { UplinkState } from "#core/contract/index.ts";
import { rungHostOf } from "#core/rung-kind.ts";
import { Jobs, type Step } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { regionObject, registryObject } from "../stubs.ts";
import { Above } from "./above.ts";
import type { UplinkApi } from "./api.ts";
import { migrations } from "./migrations.ts";
import { Pulling } from "./pulling.ts";
import { Rounds } from "./rounds.ts";
import { Sharing } from "./sharing.ts";
import { ContributedRegions } from "./tables/contributed.ts";
import { Line } from "./tables/line.ts";
import { SentSums } from "./tables/sent.ts";
import { Settings } from "./tables/settings.ts";
import { SharedRegions } from "./tables/shared.ts";
import { TakenModels } from "./tables/taken.ts";

/** A node's connection to the rung above. There is one, and only in the Worker of a node. */
export class UplinkObject extends DurableObject<Env> implements UplinkApi {
  private readonly jobs: Jobs;
  private readonly line: Line;
  private readonly taken: TakenModels;
  private readonly rounds: Rounds;
  private readonly sharing: Sharing;
  private readonly contributed: ContributedRegions;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    const { sql } = ctx.storage;
    const line = new Line(sql);
    const taken = new TakenModels(sql);
    const above = new Above(env.NEXT_RUNG_URL, env.NEXT_RUNG_TOKEN);
    const steps: Record<string, Step> = {
      follow: () => sharing.follow(),
      round: () => this.rounds.run(),
      model: (model) => pulling.take(model),
      samples: (region) => sharing.sendSamples(region),
      sums: (region) => sharing.sendSums(region),
      withdraw: (region) => sharing.withdraw(region),
    };
    // What is slow above holds up no round.
    this.jobs = new Jobs(ctx.storage, steps, { model: { atOnce: 1 }, samples: { atOnce: 4 }, sums: { atOnce: 2 } });
    const registry = (model: string) => registryObject(env, model);
    const { ARTEFACTS: artefacts, PUBLISH_KEYS: publishKeys } = env;
    const pulling = new Pulling({
      ...{ above, publishKeys, artefacts, taken, jobs: this.jobs, registry },
      host: rungHostOf(env),
    });
    const contributed = new ContributedRegions(sql);
    const sharing = new Sharing({
      ...{ share: env.SHARE, sumsSeconds: env.SUMS_SECONDS, above, taken, contributed, jobs: this.jobs, registry },
      ...{ shared: new SharedRegions(sql), sent: new SentSums(sql), settings: new Settings(sql) },
      region: (model, region) => regionObject(env, model, region),
    });
    this.rounds = new Rounds({
      ...{ nodeId: env.NODE_ID, seconds: env.UPLINK_SECONDS, host: env.NODE_HOST, publishKeys },
      ...{ above, line, taken, pulling, sharing },
      regions: async (model) => (await registry(model).regions()).map((region) => regionObject(env, model, region)),
    });
    this.contributed = contributed;
    this.sharing = sharing;
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
    const contributions = this.contributed.all().map(({ model, region, labels, at, fault }) => {
      return { model, region, labels, at, fault };
    });
    const { heardAt, backlog } = this.rounds;
    const { share } = this.sharing;
    return { above: this.env.NEXT_RUNG_URL, ...this.line.get(), heardAt, models, share, backlog, contributions };
  }
}
