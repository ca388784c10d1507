import { leftMs } from "#core/clock.ts";
import { bodyMaxBytes } from "#core/contract/index.ts";
import type { Result } from "#core/result.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import type { AskRefusal, KeepCall, RegionReply } from "#objects/region/api.ts";
import type { regionObject } from "#objects/stubs.ts";

type Kept = Result<RegionReply, AskRefusal>;
type Keeper = Pick<ReturnType<typeof regionObject>, "keep" | "keepEach">;

/** How long a request waits, at most, for a call on its way to return before it sends what has gathered since. */
const gatherMs = 5;
/** How long a call counts as on its way: the request that sent it may have ended, and with it what it would do afterwards. */
const flightMs = 10_000;

/** A request whose questions wait for the next call. */
interface Waiting extends KeepCall {
  bytes: number;
  /** Whether another request sends them, and says what came of it. */
  isTaken: boolean;
  go: () => void;
  resolve: (kept: Kept) => void;
  reject: (error: unknown) => void;
}

/** The calls of this isolate to a region that store what the edge answered: one on its way, and what goes with the next. */
export interface KeepQueue {
  flightUntil: number;
  waiting: Waiting[];
}

/** What storing needs of a request: the version that answered, the length of its body, and what continues after the response. */
interface KeepContext {
  base: number;
  bytes: number;
  later: (work: Promise<unknown>) => void;
}

/**
 * Stores a request's questions in their region. While a call is on its way, the questions of other requests gather and go with
 * the next one: each is still stored before its answer is returned, under its own owner, limits and trace.
 */
export async function keepTogether(
  queue: KeepQueue,
  { base, bytes, later }: KeepContext,
  own: KeepCall,
  stub: Keeper,
): Promise<Kept> {
  let gathered: Waiting[] = [];
  if (leftMs(queue.flightUntil, flightMs, Date.now()) > 0) {
    const { waiting, turn, kept } = waitingFor(own, bytes);
    queue.waiting.push(waiting);
    await Promise.race([turn, kept.catch(() => {}), scheduler.wait(gatherMs)]);
    if (waiting.isTaken) return Promise.race([kept, tooLate()]);
    gathered = take(queue, waiting);
  }
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
  queue.flightUntil = Date.now() + flightMs;
  try {
    const [first, ...others] = await send(
      base,
      [own, ...gathered.map(({ incoming, hop }) => ({ incoming, hop }))],
      stub,
    );
    for (const [i, waiting] of gathered.entries()) waiting.resolve(others[i] as Kept);
    return first as Kept;
  } catch (error) {
    for (const waiting of gathered) waiting.reject(error);
    throw error;
  } finally {
    queue.flightUntil = 0;
    queue.waiting[0]?.go();
  }
}

async function send(base: number, calls: KeepCall[], stub: Keeper): Promise<Kept[]> {
  const each = () => Promise.all(calls.map(({ incoming, hop }) => stub.keep(base, incoming, hop)));
  if (calls.length === 1) return each();
  return stub.keepEach(base, calls).catch((error: unknown) => {
    // During a deployment an object may be of the release before.
    if (error instanceof TypeError && error.message.includes("keepEach")) return each();
    throw error;
  });
}

function waitingFor({ incoming, hop }: KeepCall, bytes: number) {
  const turn = Promise.withResolvers<void>();
  const kept = Promise.withResolvers<Kept>();
  const { resolve, reject } = kept;
  const waiting: Waiting = { incoming, hop, bytes, isTaken: false, go: turn.resolve, resolve, reject };
  return { waiting, turn: turn.promise, kept: kept.promise };
}

/** Takes what waits, beside `own`, as far as it is no more than one request may be. */
function take(queue: KeepQueue, own: Waiting): Waiting[] {
  own.isTaken = true;
  let bytes = own.bytes;
  const taken = queue.waiting.filter((waiting) => {
    if (waiting === own) return false;
    bytes += waiting.bytes;
    return bytes <= bodyMaxBytes;
  });
  for (const waiting of taken) waiting.isTaken = true;
  queue.waiting = queue.waiting.filter(({ isTaken }) => !isTaken);
  return taken;
}

async function tooLate(): Promise<never> {
  await scheduler.wait(flightMs);
  throw new RungUnavailableError("The call that stores the question did not return in time.", { why: "late" });
}
