import type { RegionNeed } from "#core/region-need.ts";

/** How a need of a region is shown, and what to do. */
export const needs: Record<RegionNeed, { kind: "bad" | "warn"; title: string; todo: string }> = {
  "certificate-void": {
    kind: "bad",
    title: "Certificate void",
    todo: "more answers were wrong than the target allows; look at the questions, or return to an earlier head",
  },
  "retrain-held": {
    kind: "warn",
    title: "Retrain held",
    todo: "labels of untrusted tokens decide it; accept or forget them",
  },
  "rung-above-fails": {
    kind: "bad",
    title: "Rung above fails",
    todo: "the region does not ask it for some seconds after repeated failures",
  },
  drift: {
    kind: "warn",
    title: "Input drift",
    todo: "the questions differ from those that the model was trained on; retrain",
  },
  "retrain-failed": { kind: "bad", title: "Retrain failed", todo: "read its reason, and retrain" },
  "escalation-does-not-pay": {
    kind: "warn",
    title: "Escalation does not pay",
    todo: "the rung above is not better than the edge; train a better one, or remove it",
  },
  "cannot-be-certified": {
    kind: "warn",
    title: "Cannot be certified",
    todo: "the error is above the target; teach more labels, or train a new version",
  },
};
