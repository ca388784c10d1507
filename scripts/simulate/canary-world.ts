import { tTail } from "#core/confidence/t-tail.ts";
import { normal, seededRandom } from "#origin/random.ts";

/** How much the questions of a group share: variances of what decides whether a version is right, with the sum 1. */
export interface Shocks {
  /** The group's shock to both versions, and to each version alone. */
  group: number;
  groupAlone: number;
  /** The question's difficulty for both versions, and the rest. */
  question: number;
  alone: number;
}

/** Two versions, and how the questions that both answer depend on each other. */
export interface World {
  /** The error rates of all answers. */
  stable: number;
  canary: number;
  shocks: Shocks;
  /** Questions of a group, on average: they come one after another among those of `openGroups` groups of a region. */
  groupSize: number;
  openGroups: number;
  regions: number;
  /** The share of questions that each version accepts, its surest. */
  coverage: number;
}

/** A question, as both versions would answer it. */
export interface WorldQuestion {
  region: number;
  /** Of one region. */
  group: number;
  stable: { isWrong: boolean; accepted: boolean };
  canary: { isWrong: boolean; accepted: boolean };
}

/** What a version knows of whether it is right: its confidence is this, and as much noise. */
const confidenceNoise = 0.8;
const far = 1e6;
const drawn = 2 ** 17;

interface Group {
  number: number;
  shared: number;
  stable: number;
  canary: number;
}

/** Creates what draws the next question of a world. */
export function openWorld(world: World, random: () => number): () => WorldQuestion {
  const { groupSize, openGroups, regions, coverage, shocks } = world;
  const [rightStable, rightCanary] = [-quantile(world.stable), -quantile(world.canary)];
  const acceptedFrom = -Math.sqrt(1 + confidenceNoise ** 2) * quantile(coverage);
  const draw = (deviation: number) => deviation * (normals[Math.floor(drawn * random())] as number);
  const [shared, groupAlone] = [Math.sqrt(shocks.group), Math.sqrt(shocks.groupAlone)];
  const [ofQuestion, alone] = [Math.sqrt(shocks.question), Math.sqrt(shocks.alone)];
  let groups = 0;
  const newGroup = (): Group => {
    return { number: groups++, shared: draw(shared), stable: draw(groupAlone), canary: draw(groupAlone) };
  };
  const open = Array.from({ length: regions }, () => Array.from({ length: openGroups }, newGroup));
  return () => {
    // Some regions ask ten times as much as others.
    const region = Math.floor(regions * random() ** 2);
    const at = Math.floor(openGroups * random());
    const own = open[region] as Group[];
    const group = own[at] as Group;
    if (random() * groupSize < 1) own[at] = newGroup();
    const common = group.shared + draw(ofQuestion);
    const answered = (rightFrom: number, shock: number) => {
      const standing = common + shock + draw(alone);
      const accepted = standing + draw(confidenceNoise) >= acceptedFrom;
      return { isWrong: standing + rightFrom < 0, accepted };
    };
    const [stable, canary] = [answered(rightStable, group.stable), answered(rightCanary, group.canary)];
    return { region, group: group.number, stable, canary };
  };
}

/** Draws from the standard normal distribution, once: their mean is 0 and their variance 1. */
const normals = drawNormals();

function drawNormals(): Float64Array {
  const random = seededRandom(17);
  const half = Float64Array.from({ length: drawn / 2 }, () => normal(random, 0, 1));
  const deviation = Math.sqrt(half.reduce((sum, value) => sum + value ** 2, 0) / half.length);
  return Float64Array.from({ length: drawn }, (_, i) => {
    return ((i % 2 === 0 ? 1 : -1) * (half[i >> 1] as number)) / deviation;
  });
}

/** Finds the quantile of the standard normal distribution, by bisection. */
function quantile(share: number): number {
  let [low, high] = [-8, 8];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (tTail(middle, far) < share) low = middle;
    else high = middle;
  }
  return low;
}
