import type { CertificateState, RegionEscalation, RegionState } from "./contract/index.ts";

/** What of a region's state sums, needs and alerts are made of. It is small, however large the state is. */
export interface RegionBrief extends Pick<RegionState, "samples" | "archived"> {
  headManifest: object | null;
  certificate: Pick<CertificateState, "status" | "labelsNeeded"> | null;
  escalation: Pick<RegionEscalation, "status" | "unasked"> | null;
  drift: { alarm: boolean } | null;
  lastRun: { status: string } | null;
}

/** Copies what a brief has out of a state. */
export function briefOf({ samples, archived, ...state }: RegionBrief): RegionBrief {
  const { headManifest, certificate, escalation, drift, lastRun } = state;
  return {
    ...{ samples, archived },
    headManifest: headManifest && {},
    certificate: certificate && { status: certificate.status, labelsNeeded: certificate.labelsNeeded },
    escalation: escalation && { status: escalation.status, unasked: escalation.unasked },
    drift: drift && { alarm: drift.alarm },
    lastRun: lastRun && { status: lastRun.status },
  };
}
