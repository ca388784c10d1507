import type { fitNetwork } from "./fit.ts";

/** What fits networks to rows, other than TensorFlow.js in this process. */
export interface Trainer {
  fit: typeof fitNetwork;
  /** Says what has computed, for reports. */
  describe(): string;
}
