import type { ModelState } from "#client/index.ts";

export interface OnThisDeviceProps {
  state: Exclude<ModelState, { task: "tensor" }>;
}
