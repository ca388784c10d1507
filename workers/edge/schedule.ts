import { nextRungTimeoutMs } from "#core/rung/rung.ts";
import { registryObject } from "#objects/stubs.ts";
import { manifestOf, modelNames } from "./artefacts/models.ts";
import { nodeOf } from "./node.ts";

/**
 * Runs on the Worker's cron: asks the next rung to train each model that is due by its policy's `originEverySeconds`.
 * The registry records the trainings, so each model is trained once a period however often the cron runs. A failed
 * request is sent again at the next run.
 */
export async function scheduled({ scheduledTime }: ScheduledController, env: Env): Promise<void> {
  if (env.NEXT_RUNG_URL === "") return;
  for (const model of await modelNames(env)) {
    try {
      await trainIfDue(env, model, scheduledTime);
    } catch (error) {
      console.error(JSON.stringify({ event: "schedule-failed", model, error: String(error) }));
    }
  }
}

async function trainIfDue(env: Env, model: string, at: number): Promise<void> {
  const registry = registryObject(env, model);
  const { stable } = await registry.pointer();
  if (stable === null) return;
  const manifest = await manifestOf({ env, node: nodeOf(env) }, model, stable);
  const originEverySeconds = manifest.task !== "tensor" ? manifest.policy.originEverySeconds : null;
  if (originEverySeconds === null || !(await registry.claimTraining(originEverySeconds * 1_000, at))) return;
  const refusal = await requestTraining(env, model);
  await registry.endTrainingClaim(refusal === null ? at : null);
  const event = refusal === null ? { event: "training-asked" } : { event: "training-not-asked", reason: refusal };
  console.log(JSON.stringify({ ...event, model, at }));
}

/** Asks the next rung for a training. Returns why it refused; null where it accepted or a training is in progress. */
async function requestTraining(env: Env, model: string): Promise<string | null> {
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}/v1/models/${model}/trainings`, {
      method: "POST",
      headers: { authorization: `Bearer ${env.NEXT_RUNG_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ reason: "schedule" }),
      redirect: "manual",
      signal: AbortSignal.timeout(nextRungTimeoutMs),
    });
    const body = await response.text();
    return response.ok || response.status === 409 ? null : `status ${response.status}: ${body.slice(0, 300)}`;
  } catch (error) {
    return String(error);
  }
}
