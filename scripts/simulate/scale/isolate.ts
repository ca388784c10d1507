// A model of what an isolate of the edge remembers, and what it asks of others: workers/edge/artefacts/pointers.ts,
// metrics/isolate-counts.ts and access/token-copy.ts. The simulation compares it with real ones.

/** A call of one of the objects of which there is one. */
export interface ObjectCall {
  binding: "REGISTRY" | "TOKENS";
  method: string;
  values: unknown[];
}

/** How long an isolate holds what it has read, in ms. */
export const isolateTimes = { pointer: 5_000, flush: 2_000, headless: 600_000, confirm: 1_000, tokens: 20_000 };

/** The questions of a region and version that an isolate counts until it sends them. */
export interface CountRow {
  region: number;
  base: number;
  requests: number;
  answered: number;
}

/** A batch of counts. */
export interface CountsSent {
  isolate: string;
  sequence: number;
  rows: CountRow[];
}

/** What an isolate has done. */
export interface IsolateTally {
  questions: number;
  kvReads: number;
  calls: Record<string, number>;
}

/** What KV has at a moment. */
export interface Served {
  /** The version that serves a region, and the revision of the region's head or rule on a version; 0 where it has neither. */
  baseOf: (region: number) => number;
  revisionOf: (base: number, region: number) => number;
}

/** An isolate of the edge, as a model of its caches and calls. */
export class SimulatedIsolate {
  readonly tally: IsolateTally = { questions: 0, kvReads: 0, calls: {} };
  private pointerUntil = 0;
  private tokensUntil = 0;
  private readonly heads = new Map<string, { until: number; revision: number }>();
  private readonly headless = new Map<string, number>();
  /** Until when regions without a head are gathered that the registry is asked about together, by version. */
  private readonly confirming = new Map<number, number>();
  private gathered = new Map<string, CountRow>();
  private flushAt: number | null = null;
  private sequence = 0;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Lets an isolate begin as one that has been asked for long: it knows for some time that a region has no head. */
  knowHeadless(region: number, base: number, untilMs: number): void {
    this.headless.set(`${base} ${region}`, untilMs);
  }

  /** Takes a question that the isolate answers (`isAccepted`) or that goes on. Returns the calls that it makes beside that. */
  ask(region: number, nowMs: number, isAccepted: boolean, served: Served): ObjectCall[] {
    const calls: ObjectCall[] = [];
    const { tally } = this;
    tally.questions++;
    if (this.tokensUntil <= nowMs) {
      this.tokensUntil = nowMs + isolateTimes.tokens;
      calls.push({ binding: "TOKENS", method: "sync", values: [1, []] });
    }
    if (this.pointerUntil <= nowMs) {
      this.pointerUntil = nowMs + isolateTimes.pointer;
      tally.kvReads++;
    }
    const base = served.baseOf(region);
    const key = `${base} ${region}`;
    if ((this.heads.get(key)?.until ?? 0) <= nowMs) {
      const revision = served.revisionOf(base, region);
      this.heads.set(key, { until: nowMs + isolateTimes.pointer, revision });
      tally.kvReads++;
      if (revision === 0 && (this.headless.get(key) ?? 0) <= nowMs) {
        this.headless.set(key, nowMs + isolateTimes.headless);
        // Those that are asked about in this time go along.
        if ((this.confirming.get(base) ?? 0) <= nowMs) {
          this.confirming.set(base, nowMs + isolateTimes.confirm);
          calls.push(headPointersAt(base, region));
        }
      }
    }
    // The request counts here; a question that escalates counts in its region.
    const row = this.gathered.get(key) ?? { region, base, requests: 0, answered: 0 };
    row.requests++;
    if (isAccepted) row.answered++;
    this.gathered.set(key, row);
    this.flushAt ??= nowMs + isolateTimes.flush;
    return this.noted(calls);
  }

  /** Learns from a region's reply that its head is newer. Returns the calls that it makes for that. */
  catchUp(region: number, base: number, nowMs: number, revision: number): ObjectCall[] {
    const key = `${base} ${region}`;
    if (revision <= (this.heads.get(key)?.revision ?? 0)) return [];
    this.heads.set(key, { until: nowMs + isolateTimes.pointer, revision });
    return this.noted([headPointer(base, region)]);
  }

  /** Returns the batch of counts that is due, or null. */
  flush(nowMs: number): CountsSent | null {
    if (this.flushAt === null || this.flushAt > nowMs) return null;
    this.flushAt = null;
    this.sequence++;
    const rows = [...this.gathered.values()];
    this.gathered = new Map();
    this.note("addCounts");
    return { isolate: this.name, sequence: this.sequence, rows };
  }

  private noted(calls: ObjectCall[]): ObjectCall[] {
    for (const { method } of calls) this.note(method);
    return calls;
  }

  private note(method: string): void {
    this.tally.calls[method] = (this.tally.calls[method] ?? 0) + 1;
  }
}

function headPointersAt(base: number, region: number): ObjectCall {
  return { binding: "REGISTRY", method: "headPointersAt", values: [base, [region]] };
}

function headPointer(base: number, region: number): ObjectCall {
  return { binding: "REGISTRY", method: "headPointer", values: [base, region] };
}
