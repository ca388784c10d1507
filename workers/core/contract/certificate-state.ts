/** What the labels of a region's window prove of its accept rule, at this moment. */
export interface CertificateState {
  /** `held`: error is surely at most the target. `void`: the window before was proven worse, and this one is not held yet. */
  status: "held" | "pending" | "void";
  targetRisk: number;
  confidence: number;
  /** The bounds of the mean error of what was accepted in the window, and that mean itself. */
  bound: number;
  lower: number;
  mean: number | null;
  /** The share of what was asked in the window that was accepted. */
  coverage: number;
  labels: number;
  /** How many more labels are needed at the present rate; null where it would never be held. */
  labelsNeeded: number | null;
  /** The number of the window, and the days of data time that it spans. */
  window: { number: number; from: string; to: string };
  reason: string;
}
