/** The console's demo, which a local ladder serves as the file `/console/demo.json`: questions whose labels are known. */
export interface Demo {
  model: string;
  /** How long it plays, at least. */
  seconds: number;
  /** The number of rounds from one retrain of all regions to the next. */
  retrainEvery: number;
  /** The questions of each round; they are asked together, and their labels follow. */
  rounds: DemoQuestion[][];
}

export interface DemoQuestion {
  region: string;
  instance: Record<string, unknown>;
  label: string;
  /** ms since 1970. */
  at: number;
}

/** The path of the demo below the folder of the edge's files. */
export const demoPath = "console/demo.json";
