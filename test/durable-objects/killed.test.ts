import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Run } from "#core/contract/index.ts";
import { regionObjectName } from "#objects/names.ts";
import type { RegionObject } from "#objects/region/index.ts";
import type { Retrain } from "#objects/region/retrain/index.ts";
import { customRows } from "../helpers/custom-rows.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";

const model = "killed";
const region = "north";
const taught = 150;

beforeAll(async () => {
  await publish({ model, threshold: 0.5, policy: { keep: "all", truth: "complete" } });
});

describe("a region object that is killed in the middle of a retrain", () => {
  it("counts each sample once and trains the same head, at any step of any phase", { timeout: 120_000 }, async () => {
    const undisturbed = await retrain(() => "go on");
    const both = {
      analytic: { validationLogLoss: expect.any(Number) },
      softmax: { validationLogLoss: expect.any(Number) },
    };
    expect(undisturbed.run).toMatchObject({ status: "promoted", report: { candidates: both } });
    const { steps } = undisturbed;
    const phases = [...new Set(steps)];
    expect(phases).toEqual(["embed", "count", "semantic-cache", "drift", "solve", "fit", "judge", "publish"]);
    for (let at = 0; at < steps.length; at++) {
      // Of each phase, its first and last steps stand for those between.
      const isInner = steps[at] === steps[at - 1] && steps[at] === steps[at + 1];
      if (isInner) continue;
      for (const when of ["before its end", "after it"] as const) {
        const { counted, head, run } = await retrain((step) => (step === at ? when : "go on"));
        const place = `killed in step ${at} (${steps[at]}), ${when}`;
        expect(run, place).toMatchObject({ status: "promoted" });
        expect(counted, place).toEqual(undisturbed.counted);
        expect(head, place).toEqual(undisturbed.head);
      }
    }
  });
});

type Kill = "go on" | "before its end" | "after it";

interface Outcome {
  run: Run;
  /** The phase of each step. */
  steps: string[];
  /** Every shard of the sums, and what each embedding's row says of it. */
  counted: unknown;
  head: string | undefined;
}

/** Teaches the same labels to an empty region and retrains a step at a time, so that each may be the last of its instance. */
async function retrain(killAt: (step: number) => Kill): Promise<Outcome> {
  await expectOk(call("DELETE", `/v1/models/${model}/regions/${region}`));
  const truths = customRows(taught, region).map(({ instance, label }, i) => ({
    label,
    question: { id: `${model}~${region}~${i}`, region, instance, at: 1_000 + i },
  }));
  await expectOk(call("POST", `/v1/models/${model}/truths`, { body: { truths, at: 5_000 } }));
  const { id } = await inObject(async (object, state) => {
    const run = await object.startRetrain(1, 10_000, 0);
    await state.storage.deleteAlarm();
    return run;
  });
  const steps: string[] = [];
  for (let step = 0; ; step++) {
    const phase = await phaseOf(id);
    if (phase === null) break;
    steps.push(phase);
    const kill = killAt(step);
    if (kill === "before its end") {
      await inObject(
        (object) =>
          void retrainOf(object)
            .step(id, 0)
            .catch(() => {}),
      );
      await evictDurableObject(stub());
    }
    await inObject((object) => retrainOf(object).step(id, 0));
    if (kill === "after it") await evictDurableObject(stub());
  }
  return inObject((object, { storage }) => {
    const rows = (query: string) => storage.sql.exec(query).toArray();
    const [run] = object.runs();
    return {
      run: run as Run,
      steps,
      counted: {
        sums: rows("SELECT fold, shard, hex(value) AS value FROM sums ORDER BY fold, shard"),
        // Numbers go on over a forgotten region: what counts is their order.
        embeddings: rows("SELECT hex(vector) AS vector, label, weight FROM embeddings ORDER BY number"),
      },
      head: rows("SELECT manifest FROM heads").map(
        ({ manifest }) => JSON.parse(manifest as string).head.blob.sha256 as string,
      )[0],
    };
  });
}

function phaseOf(id: string): Promise<string | null> {
  return inObject((_, { storage }) => {
    const [row] = storage.sql.exec("SELECT phase FROM runs WHERE id = ? AND status = 'running'", id);
    return (row?.phase as string | undefined) ?? null;
  });
}

function inObject<T>(work: (object: RegionObject, state: DurableObjectState) => T | Promise<T>): Promise<T> {
  return runInDurableObject(stub(), work);
}

function retrainOf(object: RegionObject): Retrain {
  return (object as unknown as { retrain: Retrain }).retrain;
}

function stub(): DurableObjectStub<RegionObject> {
  return env.REGION.get(env.REGION.idFromName(regionObjectName(model, region))) as DurableObjectStub<RegionObject>;
}
