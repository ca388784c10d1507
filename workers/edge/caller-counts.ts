import { BoundedMap } from "#core/bounded-map.ts";
import { Buckets } from "#core/limits/token-bucket.ts";

const callersMax = 10_000;

/** What an isolate counts of its callers. */
export class CallerCounts {
  readonly buckets = new Buckets();
  /** Requests that are being answered, streams included. */
  readonly atOnce = new Map<string, number>();
  /** Units that the binding has not been told of yet: parts of one. */
  readonly untold = new BoundedMap<string, number>(callersMax);
  /** When a refusal of a caller was last logged, by limit and caller. */
  readonly loggedAt = new BoundedMap<string, number>(callersMax);
}
