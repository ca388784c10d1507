import { registryObject } from "../../../durable-objects/stubs.ts";
import { countAnswer } from "../../core/counts.ts";
import { limits } from "../../core/limits.ts";
import type { Call } from "../call.ts";

/** An answer that the edge gave by itself. */
export interface EdgeAnswer {
  region: string;
  base: number;
  sure: boolean;
}

/**
 * Counts a request's questions that were answered here: in memory, told to the model's registry in batches. `asked` says
 * where the request counts, whoever answered. What is sent to Analytics Engine, where it is bound, is the same.
 */
export function countRequest(
  call: Call,
  model: string,
  asked: { region: string; base: number },
  answers: readonly EdgeAnswer[],
  ms: number,
): void {
  const { counts } = call.node;
  counts.of(model, asked.region, asked.base).requests++;
  for (const { region, base, sure } of answers) {
    const own = counts.of(model, region, base);
    own.questions++;
    countAnswer(own.rungs.edge, sure, ms);
  }
  analyse(call, model, answers, ms);
  if (counts.claim(model, Date.now())) call.later(tell(call, model));
}

async function tell({ env, node: { counts } }: Call, model: string): Promise<void> {
  await scheduler.wait(limits.countsFlushMs);
  const registry = registryObject(env, model);
  try {
    // First what was left of an earlier time, then what came since.
    for (let batch = counts.next(model); batch; batch = counts.next(model)) {
      const { sequence } = batch;
      await repeat(() => registry.addCounts(batch as NonNullable<typeof batch>));
      counts.acknowledge(model, sequence);
    }
  } catch (error) {
    // Kept in memory: the next request tells of it.
    console.error(JSON.stringify({ event: "counts-not-told", model, error: String(error) }));
  } finally {
    counts.release(model);
  }
}

async function repeat(send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt >= limits.countsFlushTries) throw error;
      await scheduler.wait(limits.jobRetryMs);
    }
  }
}

// One point for each region, version and certainty: an invocation may write 250.
function analyse({ env }: Call, model: string, answers: readonly EdgeAnswer[], ms: number): void {
  if (!env.ANALYTICS) return;
  for (const group of Map.groupBy(answers, ({ region, base, sure }) => `${region}/${base}/${sure}`).values()) {
    const { region, base, sure } = group[0] as EdgeAnswer;
    const blobs = [model, region, String(base), "edge", sure ? "sure" : "unsure"];
    env.ANALYTICS.writeDataPoint({ indexes: [model], blobs, doubles: [group.length, ms] });
  }
}
