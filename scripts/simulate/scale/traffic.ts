import { seededRandom } from "#origin/random.ts";

/** Who asks: regions by Zipf's law, each mostly near one of the isolates, in a day with a peak and a night. */
export interface World {
  regions: number;
  isolates: number;
  /** Questions a second on average, and how much the peak is above it. */
  perSecond: number;
  peak: number;
  /** The share of a region's questions that reach the isolate of its place; the others reach any. */
  atHome: number;
  /** Zipf's exponent. */
  exponent: number;
  daySeconds: number;
  seed: number;
}

/** A question that arrives. `chance` is uniform in [0, 1): it decides what the question needs. */
export interface Arrival {
  atMs: number;
  isolate: number;
  region: number;
  chance: number;
}

const tickMs = 50;

/** Returns the shares of the regions, the largest first. */
export function zipfShares({ regions, exponent }: Pick<World, "regions" | "exponent">): number[] {
  const weights = Array.from({ length: regions }, (_, i) => (i + 1) ** -exponent);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Questions a second at a time of the day: least at its begin, most in its middle. */
export function rateAt({ perSecond, peak, daySeconds }: World, second: number): number {
  return perSecond * (1 - (peak - 1) * Math.cos((2 * Math.PI * second) / daySeconds));
}

/** The isolate near a region. */
export function homeOf({ isolates }: Pick<World, "isolates">, region: number): number {
  return region % isolates;
}

/** Yields the questions of a day, second by second. */
export function* arrivals(world: World): Generator<Arrival[]> {
  const random = seededRandom(world.seed);
  const upTo = cumulative(zipfShares(world));
  for (let second = 0; second < world.daySeconds; second++) {
    const now: Arrival[] = [];
    for (let ms = 0; ms < 1_000; ms += tickMs) {
      const mean = (rateAt(world, second + ms / 1_000) * tickMs) / 1_000;
      for (let left = poisson(mean, random); left > 0; left--) {
        const region = indexIn(upTo, random());
        const isolate = random() < world.atHome ? homeOf(world, region) : Math.floor(random() * world.isolates);
        now.push({ atMs: second * 1_000 + ms, isolate, region, chance: random() });
      }
    }
    yield now;
  }
}

function cumulative(shares: readonly number[]): number[] {
  let sum = 0;
  return shares.map((share) => {
    sum += share;
    return sum;
  });
}

function indexIn(upTo: readonly number[], value: number): number {
  let [low, high] = [0, upTo.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function poisson(mean: number, random: () => number): number {
  // The normal approximation is close from here on; the product of uniforms would underflow.
  if (mean > 500) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const end = Math.exp(-mean);
  let n = 0;
  for (let product = random(); product > end; product *= random()) n++;
  return n;
}
