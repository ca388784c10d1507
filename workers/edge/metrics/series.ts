import type { Counts, Series, SeriesRange, SeriesStep } from "#core/contract/index.ts";
import { seriesRanges } from "#core/contract/index.ts";
import { originOnlyUsdPerMillion, usdPerMillion } from "#core/cost/index.ts";
import { latencyQuantile, meanLatencyMs, sumCounts } from "#core/counts.ts";
import type { CountedStep } from "#objects/registry/api.ts";

/** Derives what a series shows from what was counted. `keptShare` is the share of the edge's answers that regions store. */
export function seriesStepsOf(steps: readonly CountedStep[], keptShare: number): SeriesStep[] {
  const originMs = meanLatencyMs(sumCounts(steps.map(({ counts }) => counts)).rungs.origin);
  return steps.map(({ at, counts }) => ({ at, ...stepOf(counts, keptShare, originMs) }));
}

/** Puts a series together. */
export function seriesOf(model: string, range: SeriesRange, targetRisk: number | null, steps: SeriesStep[]): Series {
  return { model, range, everyMs: seriesRanges[range].everyMs, targetRisk, steps };
}

function stepOf(counts: Counts, keptShare: number, originMs: number): Omit<SeriesStep, "at"> {
  const { questions, rungs } = counts;
  const { edge, region, origin, human } = rungs;
  const judged = edge.right + edge.wrong;
  const latencies = [edge, region, origin].map(({ latency }) => latency);
  const latency = edge.latency.map((_, i) => latencies.reduce((sum, own) => sum + (own[i] ?? 0), 0));
  const all = { ...edge, latency };
  return {
    questions,
    answered: { edge: edge.answered, region: region.answered, origin: origin.answered, human: human.answered },
    ...{ judged, error: judged === 0 ? null : edge.wrong / judged },
    ...{ p50Ms: latencyQuantile(all, 0.5), p99Ms: latencyQuantile(all, 0.99) },
    usdPerMillion: usdPerMillion(counts, keptShare),
    originUsdPerMillion: originOnlyUsdPerMillion(counts, originMs),
  };
}
