import type { RegionState } from "#core/contract/index.ts";
import type { Family, Sample } from "./text.ts";

/** What the regions have learned, as metrics. */
export function regionMetrics(models: ReadonlyMap<string, readonly RegionState[]>): Family[] {
  const each = (samples: (state: RegionState) => Sample[]) =>
    [...models].flatMap(([model, states]) =>
      states.flatMap((state) =>
        samples(state).map(({ labels, value }) => ({ labels: { model, region: state.region, ...labels }, value })),
      ),
    );
  return [
    {
      ...{ name: "upriver_samples", type: "gauge", help: "Labelled samples at hand, by split; archived ones in R2." },
      samples: each(({ samples, archived }) =>
        Object.entries({ ...samples, archived }).map(([split, value]) => ({ labels: { split }, value })),
      ),
    },
    {
      ...{ name: "upriver_certificate", type: "gauge", help: "1 for the state of a region's certificate." },
      samples: each(({ certificate }) => (certificate ? [{ labels: { status: certificate.status }, value: 1 }] : [])),
    },
    {
      ...{ name: "upriver_error_bound", type: "gauge", help: "The upper bound of the error of accepted answers." },
      samples: each(({ certificate }) => (certificate ? [{ labels: {}, value: certificate.bound }] : [])),
    },
    {
      ...{ name: "upriver_coverage_ratio", type: "gauge", help: "The share of what was asked that was accepted." },
      samples: each(({ certificate }) => (certificate ? [{ labels: {}, value: certificate.coverage }] : [])),
    },
    {
      ...{ name: "upriver_head", type: "gauge", help: "The number of the region's head; 0 for the global one." },
      samples: each(({ base, head }) => [{ labels: { base }, value: head ?? 0 }]),
    },
    {
      ...{ name: "upriver_drift_alarm", type: "gauge", help: "1 where the last look found that the input drifts." },
      samples: each(({ drift }) => (drift ? [{ labels: {}, value: drift.alarm ? 1 : 0 }] : [])),
    },
  ];
}
