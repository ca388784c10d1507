/** A reason why a table cannot be trained on, with a repair of the recipe if there is one. */
export interface DataFault {
  /** What is wrong, where, and what to do. */
  text: string;
  /** What the recipe would say instead. */
  repair: { aliases?: Record<string, string>; drop?: string[] } | null;
}

/** What was checked in a table. */
export interface Checked {
  faults: DataFault[];
  warnings: string[];
}
