import type { ClassifyManifest, NetworkSpec, OwnThinKind } from "#core/contract/index.ts";

/** A machine, as a node says of itself. */
export interface Host {
  memoryBytes: number;
  cores: number;
  arch: string;
}

/** What a network costs where it runs. */
export interface NetworkCost {
  /** Bytes to transfer, and bytes of its weights in memory. */
  bytes: number;
  memoryBytes: number;
  /** Milliseconds of an answer on this machine; null without an example to measure by. */
  ms: number | null;
  /** The embedding's width, and how many values its input has. */
  width: number;
  inputs: number | null;
}

export type PlannedNetwork = "thin" | "full" | OwnThinKind;

/** What is known of a recipe, its model, its data and the machines that may run it. */
export interface PlanFacts {
  recipe: string;
  /** Where the model's costs come from: the trained model here, or the version that serves. */
  model: string;
  /** Why the running ladder says nothing; null where it does. */
  ladder: string | null;
  here: Host;
  networks: { [K in PlannedNetwork]?: NetworkCost };
  /** The thin networks among which a rung chooses. */
  thins: Pick<ClassifyManifest, "thin" | "thins"> & { full: NetworkSpec | null };
  labels: number;
  data: {
    /** Rows that it was trained on, and samples that regions keep now. */
    rows: number;
    samples: number | null;
    samplesMax: number;
    regions: number;
    /** Bytes of an instance as JSON. */
    instanceBytes: number;
  };
  operations: {
    /** Since the first version; null without a running ladder, or questions. */
    questionsPerDay: number | null;
    escalatedShare: number | null;
    /** How long its last training took here. */
    trainingSeconds: number | null;
  };
  /** Nodes by id, with the machine of those that have called. */
  nodes: { id: string; host: Host | null }[];
  /** The most bytes that the recipe allows a device. */
  deviceBytes: number | null;
}
