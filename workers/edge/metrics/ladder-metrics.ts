import { latencyBoundsMs, pairObstacles, type RegionCounts, type RungCounts, rungs } from "#core/contract/index.ts";
import { originOnlyUsdPerMillion, usdPerMillion } from "#core/cost/index.ts";
import { meanLatencyMs, sumCounts } from "#core/counts.ts";
import { type RegionTotals, totalsOf } from "#core/region-totals.ts";
import type { ModelLook } from "./look.ts";
import type { LookedRest, LookWithRest } from "./rest.ts";
import type { Family, Sample } from "./text.ts";

/** Builds the metrics of the ladder's counts. What is not of a region that is shown is summed under an empty `region`. */
export function ladderMetrics({ models: seen, nextRung, passed }: LookWithRest): Family[] {
  const models = seen.map((ladder) => ({ ...ladder, counts: countsOf(ladder) }));
  const each = (samples: (ladder: Counted) => Sample[]) => models.flatMap(samples);
  return [
    {
      ...{ name: "upriver_requests_total", type: "counter", help: "Requests to ask." },
      samples: each(({ model, counts }) => {
        return [{ labels: { model }, value: sumCounts(counts.map((row) => row.counts)).requests }];
      }),
    },
    {
      ...{ name: "upriver_questions_total", type: "counter", help: "Questions received." },
      samples: each((ladder) => byRegion(ladder, ({ questions }) => questions)),
    },
    {
      ...{ name: "upriver_escalated_total", type: "counter", help: "Questions that the edge escalated to the region." },
      samples: each((ladder) => byRegion(ladder, ({ escalated }) => escalated)),
    },
    {
      ...{
        name: "upriver_answers_total",
        type: "counter",
        help: "Answers by rung, and whether the rung accepted them.",
      },
      samples: each((ladder) =>
        byRung(ladder, "accepted", ({ answered, accepted }) => [accepted, answered - accepted]),
      ),
    },
    {
      ...{ name: "upriver_answer_seconds", type: "histogram", help: "Time to an answer, by rung." },
      samples: each(latencies),
    },
    {
      ...{ name: "upriver_judged_total", type: "counter" },
      help: "Answers with a known label, by whether they were correct.",
      samples: each((ladder) => byRung(ladder, "right", ({ right, wrong }) => [right, wrong])),
    },
    {
      ...{ name: "upriver_labels_total", type: "counter", help: "Stored labels, by source." },
      samples: each(labels),
    },
    {
      ...{ name: "upriver_open_questions", type: "gauge", help: "Questions without a final answer." },
      samples: each((ladder) => gauges(ladder, ({ open }) => open)),
    },
    {
      ...{
        name: "upriver_breaker_open",
        type: "gauge",
        help: "1 while a region's circuit breaker for the next rung is open.",
      },
      samples: each((ladder) => gauges(ladder, ({ breakersOpen }) => breakersOpen)),
    },
    {
      ...{ name: "upriver_regions_unanswered", type: "gauge", help: "Regions that did not report their counts." },
      samples: each(({ model, missing }) => [{ labels: { model }, value: missing }]),
    },
    {
      ...{ name: "upriver_review_waiting", type: "gauge", help: "Questions that wait for a person." },
      samples: each(({ model, waiting }) => [{ labels: { model }, value: waiting }]),
    },
    {
      ...{ name: "upriver_served_version", type: "gauge", help: "The served version, by stage." },
      samples: each(({ model, pointer: { stable, canary } }) => [
        ...(stable === null ? [] : [{ labels: { model, stage: "stable" }, value: stable }]),
        ...(canary === null ? [] : [{ labels: { model, stage: "canary" }, value: canary.version }]),
      ]),
    },
    {
      ...{ name: "upriver_canary_share", type: "gauge", help: "The canary's share of callers." },
      samples: each(({ model, pointer }) => [{ labels: { model }, value: pointer.canary?.share ?? 0 }]),
    },
    ...canaryMetrics(models),
    ...costMetrics(models),
    ...spendingMetrics(models),
    {
      ...{
        name: "upriver_passed_usd",
        type: "gauge",
        help: "What passing decisions on cost in this calendar month (UTC).",
      },
      samples: passed ? [{ labels: {}, value: passed.usd }] : [],
    },
    {
      ...{ name: "upriver_next_rung_up", type: "gauge", help: "1 if the rung above the regions responds." },
      samples: nextRung ? [{ labels: {}, value: nextRung.up ? 1 : 0 }] : [],
    },
  ];
}

/** What is known about canaries that are watched. */
function canaryMetrics(models: readonly ModelLook[]): Family[] {
  const watched = models.flatMap(({ model, canary }) => (canary ? [{ model, ...canary }] : []));
  const verdicts = watched.flatMap(({ model, verdict }) => (verdict ? [{ model, ...verdict }] : []));
  return [
    {
      ...{ name: "upriver_canary_pairs", type: "gauge" },
      help: "Labelled questions that both versions of a watched canary answered.",
      samples: verdicts.map(({ model, pairs }) => ({ labels: { model }, value: pairs })),
    },
    {
      ...{ name: "upriver_canary_error_difference", type: "gauge" },
      help: "Error rate of a watched canary minus that of the stable version: the mean and the ends of its confidence sequence.",
      samples: verdicts.flatMap(({ model, error }) =>
        (["mean", "lower", "upper"] as const).flatMap((bound) => {
          const value = error[bound];
          return value === null ? [] : [{ labels: { model, bound }, value }];
        }),
      ),
    },
    {
      ...{ name: "upriver_canary_unpaired", type: "gauge" },
      help: "Labelled questions that a watched canary can't be compared on, by reason.",
      samples: watched.flatMap(({ model, unpaired }) =>
        pairObstacles.map((reason) => ({ labels: { model, reason }, value: unpaired[reason] })),
      ),
    },
  ];
}

/** Cloudflare's list price of a million questions: as they came, and if each were sent to the origin. */
function costMetrics(models: readonly Counted[]): Family[] {
  const summed = models.map(({ model, keptShare, counts }) => {
    const sum = sumCounts(counts.map((row) => row.counts));
    const originMs = meanLatencyMs(sum.rungs.origin);
    return { model, own: usdPerMillion(sum, keptShare), originOnly: originOnlyUsdPerMillion(sum, originMs) };
  });
  const samplesOf = (of: (costs: (typeof summed)[number]) => number | null): Sample[] =>
    summed.flatMap((costs) => {
      const value = of(costs);
      return value === null ? [] : [{ labels: { model: costs.model }, value }];
    });
  return [
    {
      ...{ name: "upriver_usd_per_million", type: "gauge" },
      help: "Cloudflare's list price of a million questions, as they came.",
      samples: samplesOf(({ own }) => own),
    },
    {
      ...{ name: "upriver_origin_only_usd_per_million", type: "gauge" },
      help: "Cloudflare's list price of a million questions, if each were sent to the origin.",
      samples: samplesOf(({ originOnly }) => originOnly),
    },
  ];
}

/** What rungs with a price cost in this month. */
function spendingMetrics(models: readonly ModelLook[]): Family[] {
  const known = models.flatMap(({ model, spending }) => (spending ? [{ labels: { model }, ...spending }] : []));
  const familyOf = (name: string, help: string, of: (spending: (typeof known)[number]) => number | null): Family => ({
    ...{ name, type: "gauge", help },
    samples: known.flatMap((spending) => {
      const value = of(spending);
      return value === null ? [] : [{ labels: spending.labels, value }];
    }),
  });
  return [
    familyOf("upriver_spending_usd", "What rungs with a price cost in this calendar month (UTC).", ({ usd }) => usd),
    familyOf(
      "upriver_saved_usd",
      "What every question of this month had cost above, less the spending.",
      (spending) => {
        return spending.savedUsd;
      },
    ),
    familyOf("upriver_budget_usd", "The budget of a month.", ({ usdPerMonth }) => usdPerMonth),
    familyOf("upriver_budget_leased_usd", "What regions may spend without asking again.", ({ leasedUsd }) => leasedUsd),
    familyOf(
      "upriver_budget_least_help_per_usd",
      "Expected help for each US dollar from which questions go up.",
      (spending) => {
        return spending.leastHelpPerUsd;
      },
    ),
    familyOf("upriver_left_out", "Questions of this month that the budget left out.", ({ leftOut }) => leftOut),
  ];
}

/** A model with its counts by region and version, and what is not of a region that is shown. */
interface Counted extends LookedRest {
  counts: RegionCounts[];
}

// The counts of the edge and of the regions that are shown, and the rest.
function countsOf(ladder: LookedRest): RegionCounts[] {
  const shown = ladder.regions.flatMap(({ region, report, edge }) => {
    return [...edge, ...(report?.activity.versions ?? [])].map((version) => ({ region, ...version }));
  });
  const rest = Object.entries(ladder.rest.counts).map(([base, counts]) => ({
    region: "",
    base: Number(base),
    counts,
  }));
  return [...shown, ...rest.filter(({ counts: { requests, questions } }) => requests + questions > 0)];
}

/** Makes a sample for each region that is shown, and one for the others. */
function gauges({ model, regions, rest }: Counted, pick: (totals: RegionTotals) => number): Sample[] {
  const shown = regions.flatMap(({ region, report }) => {
    return report ? [{ labels: { model, region }, value: pick(totalsOf(report)) }] : [];
  });
  return rest.regions > 0 ? [...shown, { labels: { model, region: "" }, value: pick(rest) }] : shown;
}

function byRegion({ model, counts }: Counted, pick: (counts: RegionCounts["counts"]) => number) {
  const groups = Map.groupBy(counts, ({ region }) => region);
  return [...groups].map(([region, rows]) => {
    return { labels: { model, region }, value: pick(sumCounts(rows.map((row) => row.counts))) };
  });
}

// Adds the edge's and the region's counts of the same region and version.
function byBase({ counts }: Counted) {
  const groups = Map.groupBy(counts, ({ region, base }) => `${base}/${region}`);
  return [...groups.values()].map((rows) => {
    const [{ region, base }] = rows as [RegionCounts];
    return { region, base, counts: sumCounts(rows.map((row) => row.counts)) };
  });
}

/** Makes two samples for each region, version and rung: the number of answers with and without a property. */
function byRung(ladder: Counted, holds: "accepted" | "right", split: (rung: RungCounts) => [number, number]): Sample[] {
  const { model } = ladder;
  return byBase(ladder).flatMap(({ region, base, counts }) =>
    rungs.flatMap((rung) => {
      const [yes, no] = split(counts.rungs[rung]);
      const sampleOf = (is: boolean, value: number) => ({
        labels: { model, region, base, rung, [holds]: String(is) },
        value,
      });
      return yes + no === 0 ? [] : [sampleOf(true, yes), sampleOf(false, no)];
    }),
  );
}

function labels({ model, counts }: Counted): Sample[] {
  return [...Map.groupBy(counts, ({ region }) => region)].flatMap(([region, rows]) => {
    const sum = sumCounts(rows.map((row) => row.counts)).labels;
    const known = Object.entries(sum).filter(([, value]) => value > 0);
    return known.map(([source, value]) => ({ labels: { model, region, source }, value }));
  });
}

function latencies({ model, counts }: Counted): Sample[] {
  const sum = sumCounts(counts.map((row) => row.counts));
  return rungs.flatMap((rung) => {
    const { latency, latencyMs, answered } = sum.rungs[rung];
    if (answered === 0) return [];
    let below = 0;
    const buckets = latency.map((n, i): Sample => {
      below += n;
      const bound = latencyBoundsMs[i];
      const le = bound === undefined ? "+Inf" : bound / 1_000;
      return { suffix: "_bucket", labels: { model, rung, le }, value: below };
    });
    return [
      ...buckets,
      { suffix: "_sum", labels: { model, rung }, value: latencyMs / 1_000 },
      { suffix: "_count", labels: { model, rung }, value: below },
    ];
  });
}
