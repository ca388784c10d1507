import { isolateTimes } from "./isolate.ts";
import { type World, zipfShares } from "./traffic.ts";

/** What share of the questions needs more than the edge. */
export interface Needs {
  escalated: number;
  kept: number;
  labelled: number;
}

/** Questions a second that an isolate answers before the platform starts another: a fifth of a core at 0.5 ms each. */
const perIsolateMost = 400;
/** The soft limit of an object: requests a second. */
export const objectPerSecond = 1_000;

/** How often a region that changes reports: as durable-objects/registry/looks.ts tells it. */
const reportEveryMs = 10_000;
const reportEveryMsPerRegion = 250;

/** What single objects get in a second. */
export interface Load {
  isolates: number;
  /** The region that is asked most. */
  hotRegion: number;
  /** The registry: batches of counts, the rows in them, questions whether regions have no head, and reports of regions. */
  batches: number;
  batchRows: number;
  headless: number;
  reports: number;
  /** The object of the tokens. */
  tokens: number;
  kvReads: number;
}

/** Returns what each single object gets when all regions together are asked `perSecond` questions. */
export function loadAt(world: World, needs: Needs, perSecond: number): Load {
  const isolates = Math.max(world.isolates, Math.ceil(perSecond / perIsolateMost));
  // Each place has as many isolates as its questions need; a region is near one place, and far from the others.
  const near = isolates / world.isolates;
  const regions = zipfShares(world).map((share, region) => {
    const far = (perSecond * share * (1 - world.atHome)) / isolates;
    return { home: region % world.isolates, far, atHome: far + (perSecond * share * world.atHome) / near };
  });
  const windowSeconds = isolateTimes.flush / 1_000;
  const isSeen = (rate: number) => -Math.expm1(-rate * windowSeconds);
  const sums = { rate: 0, seen: 0, first: 0 };
  const add = (to: typeof sums, rate: number, times: number) => {
    to.rate += times * rate;
    to.seen += times * isSeen(rate);
    to.first += times * rate * isSeen(rate);
  };
  for (const { far } of regions) add(sums, far, 1);
  const places = Array.from({ length: world.isolates }, () => ({ ...sums }));
  const load: Load = {
    isolates,
    hotRegion: 0,
    batches: 0,
    batchRows: 0,
    headless: 0,
    reports: 0,
    tokens: 0,
    kvReads: 0,
  };
  load.hotRegion = perSecond * (zipfShares(world)[0] as number) * (needs.escalated + needs.kept + needs.labelled);
  let headless = 0;
  for (const { home, far, atHome } of regions) {
    const place = places[home] as typeof sums;
    add(place, far, -1);
    add(place, atHome, 1);
    for (const [times, rate] of [[near, atHome] as const, [isolates - near, far] as const]) {
      load.kvReads += times * onceIn(rate, isolateTimes.pointer);
      headless += times * onceIn(rate, isolateTimes.headless);
    }
  }
  load.headless = isolates * onceIn(headless / isolates, isolateTimes.confirm);
  for (const share of zipfShares(world)) {
    const changes = perSecond * share * (needs.escalated + needs.kept + needs.labelled);
    load.reports += onceIn(changes, Math.max(reportEveryMs, world.regions * reportEveryMsPerRegion));
  }
  for (const { rate, seen, first } of places) {
    const batches = near * onceIn(rate, isolateTimes.flush);
    load.batches += batches;
    // The region that begins a batch is in it; the others are if they are asked in its time.
    load.batchRows += batches * (1 + seen - first / rate);
    load.tokens += near * onceIn(rate, isolateTimes.tokens);
    load.kvReads += near * onceIn(rate, isolateTimes.pointer);
  }
  return load;
}

/** How often something is done that a question starts, at most once in a time. */
function onceIn(perSecond: number, ms: number): number {
  return perSecond / (1 + (perSecond * ms) / 1_000);
}
