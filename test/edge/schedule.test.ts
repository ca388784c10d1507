import { createExecutionContext, createScheduledController, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { manifestKey } from "#core/artefacts.ts";
import worker from "#edge/index.ts";
import { nodeOf } from "#edge/node.ts";
import { publish } from "../helpers/edge.ts";

const hourMs = 3600_000;
const weekSeconds = 7 * 24 * 3600;
const begin = Date.now();

/** The cron of an hour, counted from now. */
async function cron(hour: number): Promise<void> {
  const context = createExecutionContext();
  const scheduledTime = begin + hour * hourMs;
  await worker.scheduled(createScheduledController({ scheduledTime, cron: "17 * * * *" }), env);
  await waitOnExecutionContext(context);
}

async function asked(model: string): Promise<{ model: string; reason: string; isKnown: boolean }[]> {
  return (await fetch(`${env.NEXT_RUNG_URL}/trainings/${model}`)).json();
}

const fault = (model: string, kind: string) => fetch(`${env.NEXT_RUNG_URL}/fault/${model}/${kind}`);

beforeAll(async () => {
  for (const model of ["weekly", "faulty-origin", "busy-origin", "slow-origin"]) {
    await publish({ model, policy: { originEverySeconds: weekSeconds } });
  }
  await publish({ model: "when-told" });
  await publish({ model: "served-to-nobody", policy: { originEverySeconds: 1 } }, null);
});

describe("the Worker's cron", () => {
  it("orders each due training once a period, even when it runs twice", async () => {
    await cron(1);
    expect(await asked("weekly")).toEqual([]);
    await Promise.all([cron(7 * 24 + 1), cron(7 * 24 + 1)]);
    await cron(7 * 24 + 1);
    await cron(7 * 24 + 2);
    expect(await asked("weekly")).toEqual([
      { id: "0", model: "weekly", state: "queued", reason: "schedule", isKnown: true },
    ]);
    await cron(14 * 24 + 1);
    expect(await asked("weekly")).toHaveLength(2);
  });

  it("asks once when two runs overlap while the origin is slow", async () => {
    const at = 50 * 24;
    await fault("slow-origin", "slow");
    const before = (await asked("slow-origin")).length;
    await Promise.all([cron(at), cron(at), cron(at)]);
    await fault("slow-origin", "none");
    expect(await asked("slow-origin")).toHaveLength(before + 1);
  });

  it("trains neither a model without a schedule nor one that serves nobody", async () => {
    await cron(100 * 24);
    expect(await asked("when-told")).toEqual([]);
    expect(await asked("served-to-nobody")).toEqual([]);
  });

  it("asks again an hour later where the origin is down, and of the other models at once", async () => {
    const start = 200 * 24;
    await fault("faulty-origin", "down");
    const before = (await asked("weekly")).length;
    await cron(start);
    await cron(start + 1);
    expect(await asked("weekly")).toHaveLength(before + 1);
    const failed = (await asked("faulty-origin")).length;
    await fault("faulty-origin", "none");
    await cron(start + 2);
    await cron(start + 3);
    expect(await asked("faulty-origin")).toHaveLength(failed + 1);
  });

  it("treats a training in progress as the one it ordered", async () => {
    const start = 300 * 24;
    await fault("busy-origin", "busy");
    await cron(start);
    const once = (await asked("busy-origin")).length;
    await cron(start + 1);
    expect(await asked("busy-origin")).toHaveLength(once);
    await fault("busy-origin", "none");
  });

  it("continues with the next model when a manifest is broken", async () => {
    const start = 400 * 24;
    const key = manifestKey("busy-origin", 1);
    const text = (await (await env.ARTEFACTS.get(key))?.text()) as string;
    await env.ARTEFACTS.put(key, "nonsense");
    nodeOf(env).manifests.clear();
    const before = [await asked("busy-origin"), await asked("weekly")];
    await cron(start);
    expect(await asked("busy-origin")).toEqual(before[0]);
    expect(await asked("weekly")).toHaveLength((before[1]?.length ?? 0) + 1);
    await env.ARTEFACTS.put(key, text);
  });

  it("asks no rung where there is no next one", async () => {
    const before = (await asked("weekly")).length;
    const at = begin + 500 * 24 * hourMs;
    await worker.scheduled(createScheduledController({ scheduledTime: at }), { ...env, NEXT_RUNG_URL: "" });
    expect(await asked("weekly")).toHaveLength(before);
  });
});
