import { elapsedMs, leftMs } from "#core/clock.ts";
import { bodyMaxBytes } from "#core/contract/index.ts";
import type { Result } from "#core/result.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import type { AskRefusal, KeepCall, RegionReply } from "#objects/region/api.ts";
import type { regionObject } from "#objects/stubs.ts";

type Kept = Result<RegionReply, AskRefusal>;
type Keeper = Pick<ReturnType<typeof regionObject>, "keep" | "keepEach">;

/** How long a request that finds a call on its way waits for it to return, before it sends what has gathered since. */
const gatherMs = { min: 3, max: 10 };
const pollMs = 2;
/** The longest time that calls are expected to take. */
const expectedMaxMs = 50;
/** How long a call counts as on its way: the request that sent it may have ended, and with it what it would do afterwards. */
const flightMs = 10_000;

/** A request whose questions wait for a call, and the outcome once another request has sent them. */
interface Waiting extends KeepCall {
  bytes: number;
  /** When its request began to wait, ms since 1970. */
  since: number;
  isTaken: boolean;
  outcome: Outcome | null;
}

/** What storing a request's questions returned, or threw. */
type Outcome = { kept: Kept } | { error: unknown };

/** The calls of this isolate to a region that store what the edge answered: one on its way, and what goes with the next. */
export interface KeepQueue {
  flightUntil: number;
  sentAt: number;
  /** How long the last calls took. */
  takesMs: number;
  waiting: Waiting[];
}

/** A queue without a call on its way. */
export function idleQueue(): KeepQueue {
  return { flightUntil: 0, sentAt: 0, takesMs: 0, waiting: [] };
}

/** What storing needs of a request: the version that answered, and what continues after the response. */
interface KeepContext {
  base: number;
  later: (work: Promise<unknown>) => void;
}

/**
 * Stores a request's questions in their region. While a call is on its way, the questions of other requests gather, and the
 * first of them sends all: each is still stored before its answer is returned, under its own owner, limits and trace.
 */
export async function keepTogether(
  queue: KeepQueue,
  { base, later }: KeepContext,
  own: KeepCall,
  stub: Keeper,
): Promise<Kept> {
  if (leftMs(queue.flightUntil, flightMs, Date.now()) === 0) return sendAll(queue, [], base, own, stub);
  const bytes = JSON.stringify(own.incoming).length;
  const waiting: Waiting = { ...own, bytes, since: Date.now(), isTaken: false, outcome: null };
  queue.waiting.push(waiting);
  const restMs = queue.sentAt + queue.takesMs - Date.now();
  await scheduler.wait(Math.min(gatherMs.max, Math.max(gatherMs.min, restMs)));
  if (waiting.isTaken) return outcomeOf(waiting, queue.takesMs);
  const gathered = take(queue, waiting);
  const sending = sendAll(queue, gathered, base, own, stub);
  // The others' questions are stored even if this caller hangs up.
  if (gathered.length > 0) later(sending.catch(() => {}));
  return sending;
}

async function sendAll(
  queue: KeepQueue,
  gathered: readonly Waiting[],
  base: number,
  own: KeepCall,
  stub: Keeper,
): Promise<Kept> {
  const sentAt = Date.now();
  Object.assign(queue, { sentAt, flightUntil: sentAt + flightMs });
  try {
    const others = gathered.map(({ incoming, hop }) => ({ incoming, hop }));
    const [first, ...rest] = await send(base, [own, ...others], stub);
    for (const [i, waiting] of gathered.entries()) waiting.outcome = rest[i] as Outcome;
    return keptOf(first as Outcome);
  } catch (error) {
    for (const waiting of gathered) waiting.outcome = { error };
    throw error;
  } finally {
    queue.flightUntil = 0;
    queue.takesMs = Math.min(expectedMaxMs, (queue.takesMs + elapsedMs(sentAt, Date.now())) / 2);
  }
}

// Where the call fails, one request may be the cause, or the object is of the release before: each is then sent alone, so that
// no other fails with it. What was stored already is not stored twice.
async function send(base: number, calls: KeepCall[], stub: Keeper): Promise<Outcome[]> {
  if (calls.length > 1) {
    try {
      return (await stub.keepEach(base, calls)).map((kept) => ({ kept }));
    } catch (error) {
      if ((error as { overloaded?: boolean }).overloaded) throw error;
    }
  }
  const sent = calls.map(({ incoming, hop }) => stub.keep(base, incoming, hop));
  return (await Promise.allSettled(sent)).map((one) =>
    one.status === "fulfilled" ? { kept: one.value } : { error: one.reason },
  );
}

function keptOf(outcome: Outcome): Kept {
  if ("error" in outcome) throw outcome.error;
  return outcome.kept;
}

/** Takes what waits, beside `own`, as far as it is no more than one request may be. */
function take(queue: KeepQueue, own: Waiting): Waiting[] {
  own.isTaken = true;
  let bytes = own.bytes;
  const now = Date.now();
  // A request that has waited too long was abandoned: nobody reads its outcome.
  queue.waiting = queue.waiting.filter(({ since }) => leftMs(since + flightMs, flightMs, now) > 0);
  const taken = queue.waiting.filter((waiting) => {
    if (waiting === own) return false;
    bytes += waiting.bytes;
    return bytes <= bodyMaxBytes;
  });
  for (const waiting of taken) waiting.isTaken = true;
  queue.waiting = queue.waiting.filter(({ isTaken }) => !isTaken);
  return taken;
}

// A promise of another request can't be awaited here: the outcome of its call is read from memory. Each look takes a timer, so the
// first is when the call is expected to have returned.
async function outcomeOf(waiting: Waiting, expectedMs: number): Promise<Kept> {
  if (!waiting.outcome) await scheduler.wait(expectedMs);
  for (let ms = 0; ms < flightMs && !waiting.outcome; ms += pollMs) await scheduler.wait(pollMs);
  if (!waiting.outcome) {
    throw new RungUnavailableError("The call that stores the question did not return in time.", { why: "late" });
  }
  return keptOf(waiting.outcome);
}
