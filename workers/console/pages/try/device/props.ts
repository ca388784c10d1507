import type { ModelState } from "#client/index.ts";

export interface OnThisDeviceProps {
  state: Exclude<ModelState, { task: "tensor" }>;
  /** The id of the token that is signed in: what one user taught is not shown to the next one. */
  user: string;
}
