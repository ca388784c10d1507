import type { RungName } from "#core/contract/index.ts";
import { countAnswer } from "#core/counts.ts";
import { registryObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { countsFlushMs } from "./isolate-counts.ts";

const countsFlushTries = 3;
const countsFlushRetryMs = 1_000;

/** An answer to count. */
export interface Given {
  region: string;
  base: number;
  rung: RungName;
  /** `open`: there is no final answer yet. */
  outcome: "accepted" | "not-accepted" | "open";
  /** Whether the edge gave the answer. The regions count the others. */
  isHere: boolean;
  ms: number;
  /** How many answers these are; one unless given. */
  times?: number;
}

/**
 * Counts a request and the questions that the edge answered, in memory. Batches of counts go to the model's registry.
 * `asked` is the region and version that the request counts for, and how many of its questions named an unlisted region.
 * Analytics Engine, if bound, gets every answer.
 */
export function countRequest(
  call: Call,
  model: string,
  asked: { region: string; base: number; unlisted?: number },
  answers: readonly Given[],
): void {
  const { counts } = call.node;
  const first = counts.of(model, asked.region, asked.base);
  first.requests++;
  if (asked.unlisted) first.unlisted = (first.unlisted ?? 0) + asked.unlisted;
  for (const { region, base, outcome, isHere, ms, times = 1 } of answers) {
    if (!isHere) continue;
    const own = counts.of(model, region, base);
    own.questions += times;
    countAnswer(own.rungs.edge, outcome === "accepted", ms, times);
  }
  analyse(call, model, answers);
  if (counts.claim(model, Date.now())) call.later(flush(call, model));
}

async function flush({ env, node: { counts } }: Call, model: string): Promise<void> {
  await scheduler.wait(countsFlushMs);
  try {
    const registry = registryObject(env, model);
    // An unacknowledged batch goes first.
    for (let batch = counts.next(model); batch; batch = counts.next(model)) {
      const { sequence } = batch;
      await repeat(() => registry.addCounts(batch as NonNullable<typeof batch>));
      counts.acknowledge(model, sequence);
    }
  } catch (error) {
    // The batch stays in memory; the next request sends it again.
    console.error(JSON.stringify({ event: "counts-not-sent", model, error: String(error) }));
  } finally {
    counts.release(model);
  }
}

async function repeat(send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt >= countsFlushTries) throw error;
      await scheduler.wait(countsFlushRetryMs);
    }
  }
}

/** The number of points that one invocation may write. */
const pointsMax = 250;

// One point for each region, version, rung and outcome, with the number of answers.
function analyse({ env }: Call, model: string, answers: readonly Given[]): void {
  if (!env.ANALYTICS) return;
  const key = ({ region, base, rung, outcome }: Given) => `${region}/${base}/${rung}/${outcome}`;
  for (const group of [...Map.groupBy(answers, key).values()].slice(0, pointsMax)) {
    const { region, base, rung, outcome, ms } = group[0] as Given;
    const blobs = [model, region, String(base), rung, outcome];
    const count = group.reduce((sum, { times = 1 }) => sum + times, 0);
    env.ANALYTICS.writeDataPoint({ indexes: [model], blobs, doubles: [count, ms] });
  }
}
