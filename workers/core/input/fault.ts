/** What is wrong with one part of an instance. */
export interface InputFault {
  path: string;
  expected: string;
  received: string;
}

/** What surrounds an instance and may be part of the input, or of the instance without being input. */
export interface InputContext {
  region: string;
  /** Columns that an instance may carry besides the input's own: the region's, the group key's. */
  extraColumns: readonly string[];
}
