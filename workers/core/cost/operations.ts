import type { Billed } from "./prices.ts";

/** How much of each billed thing something takes; what is left out is none. */
export type Operations = Partial<Record<Billed, number>>;

/**
 * The billed operations of each path through the ladder. `test/durable-objects/cost.test.ts` counts them with the real Worker
 * and objects, and fails where this table differs: update it here, and nowhere else. All prices that are shown come from it.
 *
 * CPU is measured, not counted (`npm run bench -- edge`), since no test asserts a time. What objects take for their own work is
 * left out: 3 ms cost half a cent in a million. What they wait for others is `waiting` in index.ts.
 */
export const operations = {
  /** A request to `ask` that a warm isolate answers. Whatever escalates takes it as well. */
  edge: { workerRequests: 1, workerCpuMs: 0.6 },
  /** Reading the pointer of a model, or of a region's head, again: at most every 5 s, in an isolate that is asked. */
  modelPointer: { kvReads: 1 },
  headPointer: { kvReads: 1 },
  /**
   * Asking the registry whether a region without a head has none: at most every 10 min, in an isolate that is asked. Regions of a
   * version that are asked within a second share a call.
   */
  confirmHeadless: { objectRequests: 1 },
  /** Reading the issued tokens again: at most every 20 s, in an isolate that is asked. */
  tokens: { objectRequests: 1, rowsRead: 1 },
  /** Sending the counts of an isolate: at most every 2 s, in an isolate that is asked. */
  flush: { objectRequests: 1, rowsWritten: 2, rowsRead: 4 },
  /** A region and version in such a batch. */
  flushRow: { rowsWritten: 1, rowsRead: 1 },
  /** The first question of a fresh isolate: the manifest and the network. */
  coldStart: { kvReads: 3, r2ClassB: 1 },

  /** A region's report to its registry, while something changes there; and the job that sends the last one before a pause. */
  report: { objectRequests: 1, rowsWritten: 1, rowsRead: 2 },
  trailingReport: { objectRequests: 1, rowsWritten: 5, rowsRead: 9 },

  /** A question that the edge answers and the region stores: `keep: all`, an audit, an Idempotency-Key. */
  kept: { objectRequests: 1, rowsWritten: 6, rowsRead: 2 },
  /** A question that escalates to a region, whose semantic cache answers. */
  cached: { objectRequests: 1, rowsWritten: 6, rowsRead: 3 },
  /** A question that escalates to a region and ends there with the edge's answer. */
  region: { objectRequests: 1, rowsWritten: 4, rowsRead: 3 },
  /** A question that escalates to an origin, which accepts it. */
  origin: { objectRequests: 1, rowsWritten: 4, rowsRead: 3 },
  /** A question that escalates to a decision model, which accepts it; without its own price. */
  decision: { objectRequests: 1, rowsWritten: 10, rowsRead: 26 },
  /** The alarm after questions that escalated: one for all that came within some seconds. */
  alarm: { objectRequests: 1, rowsWritten: 1, rowsRead: 3 },
  /** What a person adds, beside `region` or `origin`: the queue, a lease, the answer, the delivery of the label. */
  reviewed: { workerRequests: 2, objectRequests: 10, rowsWritten: 47, rowsRead: 86 },
  /** Reading a question: a poll, or the end of a wait. */
  read: { workerRequests: 1, objectRequests: 1, rowsRead: 1 },
  /** A truth that is sent alone. */
  taught: { workerRequests: 1, objectRequests: 1, rowsWritten: 5, rowsRead: 14 },
  /** A truth in a batch. */
  taughtInBatch: { rowsWritten: 5, rowsRead: 11 },

  /** A retrain of a region, and what each of its samples adds. */
  retrain: { objectRequests: 4, rowsWritten: 53, rowsRead: 300, r2ClassA: 1, r2ClassB: 1, kvWrites: 1 },
  retrainSample: { rowsRead: 16 },
  /** A sample that a retrain sees for the first time, or on a new version: it is embedded. */
  retrainNewSample: { rowsWritten: 1.5 },
  /** Publishing a version and rolling it out. */
  version: {
    workerRequests: 7,
    objectRequests: 15,
    rowsWritten: 40,
    rowsRead: 180,
    kvReads: 3,
    kvWrites: 5,
    r2ClassA: 9,
    r2ClassB: 23,
  },
  /** Preparing a region for a new version, beside the retrain on it. */
  prepare: { objectRequests: 3, rowsWritten: 10, rowsRead: 900, kvWrites: 1 },
  /** A look at the ladder (`/v1/ladder`, a poll of the console), and what each model and region adds. */
  look: { workerRequests: 1, objectRequests: 1, rowsRead: 1 },
  /** Listing the models for a look: at most every 30 s, in an isolate that is asked. */
  lookNames: { r2ClassA: 1 },
  lookModel: { objectRequests: 2, rowsRead: 3 },
  /** Of a model with prices or a budget besides. */
  lookSpending: { rowsRead: 5 },
  lookRegion: {},
  /** A look at a model over time, and what each step adds; and at the regions that need attention, and what each that is listed adds. */
  lookSeries: { workerRequests: 1, objectRequests: 1, rowsRead: 2 },
  lookStep: { rowsRead: 1 },
  lookNeeds: { workerRequests: 1, objectRequests: 1, rowsRead: 3 },
  lookNeedy: { rowsRead: 4 },
  /** What a registry does every hour: it compares its pointers with KV, and copies itself to R2. */
  registryHour: { objectRequests: 2, kvReads: 1, rowsWritten: 10, rowsRead: 52, r2ClassA: 1 },
  registryHourHead: { kvReads: 1, rowsRead: 16 },
} as const satisfies Record<string, Operations>;
