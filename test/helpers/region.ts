import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Answer, Instance, Question, RegionRun } from "#core/contract/index.ts";
import { regionObjectName } from "#objects/names.ts";
import type { RegionReport } from "#objects/region/api.ts";
import type { RegionObject } from "#objects/region/index.ts";
import { boundedReport } from "#objects/region/reporting.ts";
import { customRows } from "./custom-rows.ts";
import { alertsOf, call, expectOk } from "./edge.ts";

/** A question with its label, which a region may receive without having been asked. */
export interface LabelledQuestion {
  label: string;
  question: Pick<Question, "id" | "region" | "instance" | "at">;
}

/** One region's object under test. */
export class TestRegion {
  readonly model: string;
  readonly region: string;

  constructor(model: string, region = "north") {
    this.model = model;
    this.region = region;
  }

  get stub(): DurableObjectStub<RegionObject> {
    const name = regionObjectName(this.model, this.region);
    return env.REGION.get(env.REGION.idFromName(name)) as DurableObjectStub<RegionObject>;
  }

  /** Works inside the object, with its storage. */
  inside<T>(work: (object: RegionObject, state: DurableObjectState) => T | Promise<T>): Promise<T> {
    return runInDurableObject(this.stub, work);
  }

  rows(query: string, ...given: SqlStorageValue[]): Promise<Record<string, SqlStorageValue>[]> {
    return this.inside((_, { storage }) => storage.sql.exec(query, ...given).toArray());
  }

  /** Returns labelled questions of the regional custom: the same each time, in order of data time. */
  labelledQuestions(n: number, seed = 9): LabelledQuestion[] {
    return customRows(n, this.region, seed).map(({ instance, label }, i) => ({
      label,
      question: { id: `${this.model}~${this.region}~${seed}-${i}`, region: this.region, instance, at: 1_000 + i },
    }));
  }

  async teach(truths: readonly (LabelledQuestion | { id: string; label: string })[], at = 100_000): Promise<void> {
    await expectOk(call("POST", `/v1/models/${this.model}/truths`, { body: { truths, at } }));
  }

  async ask(instances: readonly Instance[], ids: readonly string[], body: object = {}) {
    const questions = instances.map((instance, i) => ({ id: ids[i], region: this.region, instance }));
    const path = `/v1/models/${this.model}/ask`;
    const response = await expectOk(call("POST", path, { body: { questions, ...body } }));
    return (await response.json<{ answers: Answer[] }>()).answers;
  }

  async retrain(at = 200_000): Promise<RegionRun> {
    const path = `/v1/models/${this.model}/regions/${this.region}/retrain`;
    return (await expectOk(call("POST", path, { body: { at }, headers: { prefer: "wait=25" } }))).json();
  }

  /** Every shard of the sums, as hex: equal when every bit is. */
  sums(): Promise<Record<string, SqlStorageValue>[]> {
    return this.rows("SELECT backbone, fold, shard, hex(value) AS value FROM sums ORDER BY backbone, fold, shard");
  }

  /** Sends the registry at once what the region would report. Returns what the model's alerts are about, the newest first. */
  async reportNow(base = 1): Promise<string[]> {
    const report = await this.inside(async (object): Promise<RegionReport> => {
      return boundedReport({ base, activity: object.counts(), state: await object.state(base) });
    });
    await env.REGISTRY.get(env.REGISTRY.idFromName(this.model)).report(this.region, report);
    return (await alertsOf(this.model)).map(({ kind, region }) => `${kind} of ${region ?? "all"}`);
  }

  async forgetAll(): Promise<void> {
    await expectOk(call("DELETE", `/v1/models/${this.model}/regions/${this.region}`));
  }
}
