import { Buckets } from "#core/limits/token-bucket.ts";

/** What an isolate counts of its callers. */
export class CallerCounts {
  readonly buckets = new Buckets();
  /** Requests that are being answered, streams included. */
  readonly atOnce = new Map<string, number>();
  /** Units that the binding has not been told of yet: parts of one. */
  readonly untold = new Map<string, number>();
  readonly loggedAt = new Map<string, number>();
}
