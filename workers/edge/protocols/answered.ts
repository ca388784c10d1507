import type { NamedTensor } from "./tensor.ts";

/** The outputs of a batch and their version. Null if rows have different versions, which the output `version` lists. */
export interface Answered {
  outputs: NamedTensor[];
  version: string | null;
}
