import type { RegionState } from "#core/contract/index.ts";
import type { RegionTotals } from "#core/region-totals.ts";
import { reportedState } from "./region-state.ts";
import type { LookedRest } from "./rest.ts";
import type { Family, Sample } from "./text.ts";

/** Builds the metrics of what the regions have learned. The regions that are not shown are summed under an empty `region`. */
export function regionMetrics(seen: readonly LookedRest[]): Family[] {
  const models = seen.map(({ regions, ...model }) => {
    return { ...model, states: regions.map(reportedState).filter((state) => state !== null) };
  });
  const each = (samples: (state: RegionState) => Sample[], ofRest: (rest: RegionTotals) => Sample[] = () => []) =>
    models.flatMap(({ model, states, rest }) => {
      const shown = states.flatMap((state) => labelled(samples(state), model, state.region));
      return rest.regions > 0 ? [...shown, ...labelled(ofRest(rest), model, "")] : shown;
    });
  return [
    {
      ...{
        name: "upriver_samples",
        type: "gauge",
        help: "Labelled samples in the region's object, by split; `archived` are in R2.",
      },
      samples: each(
        ({ samples, archived }) => valuesOf("split", { ...samples, archived }),
        ({ samples }) => valuesOf("split", samples),
      ),
    },
    {
      ...{ name: "upriver_certificate", type: "gauge", help: "1 for the status of a region's certificate." },
      samples: each(
        ({ certificate }) => (certificate ? [{ labels: { status: certificate.status }, value: 1 }] : []),
        ({ certificates }) => valuesOf("status", certificates),
      ),
    },
    {
      ...{ name: "upriver_error_bound", type: "gauge", help: "Upper bound of the error rate of accepted answers." },
      samples: each(({ certificate }) => (certificate ? [{ labels: {}, value: certificate.bound }] : [])),
    },
    {
      ...{ name: "upriver_coverage_ratio", type: "gauge", help: "Share of questions that were accepted." },
      samples: each(({ certificate }) => (certificate ? [{ labels: {}, value: certificate.coverage }] : [])),
    },
    {
      ...{
        name: "upriver_escalation",
        type: "gauge",
        help: "1 for whether escalation pays in a region: `pays`, `unproven` or `does-not-pay`.",
      },
      samples: each(
        ({ escalation }) => (escalation ? [{ labels: { status: escalation.status }, value: 1 }] : []),
        ({ escalations }) => valuesOf("status", escalations),
      ),
    },
    {
      ...{
        name: "upriver_unasked_total",
        type: "counter",
        help: "Questions that the rung above was not asked, since asking it does not pay.",
      },
      samples: each(
        ({ escalation }) => (escalation ? [{ labels: {}, value: escalation.unasked }] : []),
        ({ unasked }) => [{ labels: {}, value: unasked }],
      ),
    },
    {
      ...{ name: "upriver_head", type: "gauge", help: "Number of the region's head; 0 for the global head." },
      samples: each(({ base, head }) => [{ labels: { base }, value: head ?? 0 }]),
    },
    {
      ...{ name: "upriver_drift_alarm", type: "gauge", help: "1 if the last test found drift of the inputs." },
      samples: each(
        ({ drift }) => (drift ? [{ labels: {}, value: drift.alarm ? 1 : 0 }] : []),
        ({ drift }) => [{ labels: {}, value: drift }],
      ),
    },
  ];
}

function labelled(samples: readonly Sample[], model: string, region: string): Sample[] {
  return samples.map(({ labels, value }) => ({ labels: { model, region, ...labels }, value }));
}

function valuesOf(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}
