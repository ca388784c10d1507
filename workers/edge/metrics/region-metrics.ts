import type { RegionState } from "#core/contract/index.ts";
import type { Family, Sample } from "./text.ts";

/** Builds the metrics of what the regions have learned. */
export function regionMetrics(models: ReadonlyMap<string, readonly RegionState[]>): Family[] {
  const each = (samples: (state: RegionState) => Sample[]) =>
    [...models].flatMap(([model, states]) =>
      states.flatMap((state) =>
        samples(state).map(({ labels, value }) => ({ labels: { model, region: state.region, ...labels }, value })),
      ),
    );
  return [
    {
      ...{
        name: "upriver_samples",
        type: "gauge",
        help: "Labelled samples in the region's object, by split; `archived` are in R2.",
      },
      samples: each(({ samples, archived }) =>
        Object.entries({ ...samples, archived }).map(([split, value]) => ({ labels: { split }, value })),
      ),
    },
    {
      ...{ name: "upriver_certificate", type: "gauge", help: "1 for the status of a region's certificate." },
      samples: each(({ certificate }) => (certificate ? [{ labels: { status: certificate.status }, value: 1 }] : [])),
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
      samples: each(({ escalation }) => (escalation ? [{ labels: { status: escalation.status }, value: 1 }] : [])),
    },
    {
      ...{
        name: "upriver_unasked_total",
        type: "counter",
        help: "Questions that the rung above was not asked, since asking it does not pay.",
      },
      samples: each(({ escalation }) => (escalation ? [{ labels: {}, value: escalation.unasked }] : [])),
    },
    {
      ...{ name: "upriver_head", type: "gauge", help: "Number of the region's head; 0 for the global head." },
      samples: each(({ base, head }) => [{ labels: { base }, value: head ?? 0 }]),
    },
    {
      ...{ name: "upriver_drift_alarm", type: "gauge", help: "1 if the last test found drift of the inputs." },
      samples: each(({ drift }) => (drift ? [{ labels: {}, value: drift.alarm ? 1 : 0 }] : [])),
    },
  ];
}
