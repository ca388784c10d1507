// Simulates whole lives of a region's certificate with known error probabilities. Runs in Node only: pure and long.
import { describe, expect, it } from "vitest";
import { binomialTail } from "#core/confidence/binomial.ts";
import { isAboveWithConfidence, isBelowWithConfidence, upperBound } from "#core/confidence/bounds.ts";
import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { addTrial, type Trials } from "#core/confidence/trials.ts";
import { firstWindow, nextWindow, windowDelta } from "#core/confidence/window.ts";
import { seededRandom } from "#origin/random.ts";
import { largestShare } from "#test/helpers/chance.ts";

const targetRisk = 0.1;
const delta = 0.05;
const lives = 400;
const labelsAnAim = 50;

/** Which labels arrive: for a share of accepted questions, next to the threshold, all; for the rest, by audit. */
interface Plan {
  complete: number;
  audit: number;
}
const plans = {
  complete: { complete: 1, audit: 1 },
  audited: { complete: 0, audit: 0.02 },
  both: { complete: 0.02, audit: 0.02 },
} satisfies Record<string, Plan>;

/** The error probability of the next accepted question: if its label always arrives, and if it is audited. */
interface Risk {
  accepted: number;
  audited: number;
}

/** Decides that risk; sees every label with the running mean error, true and estimated. */
interface World {
  risk(): Risk;
  learn(label: { error: boolean; inclusionProbability: number; trials: Trials; truth: number; delta: number }): void;
}

/** One life: a look after every label and before the next, of which each stands for the questions between. */
function live(random: () => number, plan: Plan, labels: number, world: World, looks = isBelowWithConfidence) {
  const minInclusionProbability = plan.audit;
  const had = plan.complete + (1 - plan.complete) * plan.audit;
  const seen = { everFalse: false, everValid: false, falselyValid: false, windows: 1 };
  let window = firstWindow(0, minInclusionProbability);
  let questions = 0;
  let expectedErrors = 0;
  const look = () => {
    const level = windowDelta(window, delta);
    const truth = expectedErrors / questions;
    // A shown bound is below the truth just when the truth is excluded; a certificate, when a target below it is.
    if (looks(window.trials, truth, level)) seen.everFalse = true;
    if (looks(window.trials, targetRisk, level)) {
      seen.everValid = true;
      if (truth > targetRisk) seen.falselyValid = seen.everFalse = true;
    }
  };
  for (let i = 0; i < labels; i++) {
    const risk = world.risk();
    const gap = had >= 1 ? 1 : 1 + Math.floor(Math.log(1 - random()) / Math.log1p(-had));
    questions += gap;
    expectedErrors += gap * (plan.complete * risk.accepted + (1 - plan.complete) * risk.audited);
    look();
    const accepted = random() * had < plan.complete;
    const error = random() < (accepted ? risk.accepted : risk.audited);
    const inclusionProbability = accepted ? 1 : plan.audit;
    window.trials = addTrial(window.trials, { inclusionProbability, error: error ? 1 : 0 });
    look();
    const level = windowDelta(window, delta);
    world.learn({
      error,
      inclusionProbability,
      trials: window.trials,
      truth: expectedErrors / questions,
      delta: level,
    });
    if (!isAboveWithConfidence(window.trials, targetRisk, level)) continue;
    window = nextWindow(window, i);
    seen.windows++;
    questions = expectedErrors = 0;
  }
  return seen;
}

/** A region: error falls with confidence, a retrain changes how, the world drifts at once, and the threshold follows. */
function region(random: () => number, plan: Plan, labels: number): World {
  const settings = { floor: 0.5, minInclusionProbability: plan.audit };
  let aim = targetRisk / 2;
  let threshold = 0.6 + 0.3 * random();
  let slope = 0.4 + 0.6 * random();
  let base = 0.08 * random() ** 2;
  let told = 0;
  const driftAt = Math.floor(labels * random());
  const drift = 0.15 * (random() - 0.3);
  const retrainEvery = 100 + Math.floor(100 * random());
  const errorAt = (confidence: number) => Math.min(1, base + slope * (1 - confidence));
  return {
    risk() {
      while (threshold > 1) {
        const right = random() >= errorAt(0.5 + random() / 2);
        threshold = updateThreshold(
          threshold,
          { accepted: false, right, inclusionProbability: 1 },
          { ...settings, aim },
        );
      }
      const between = threshold + (1 - threshold) * plan.complete;
      return { accepted: errorAt((threshold + between) / 2), audited: errorAt((between + 1) / 2) };
    },
    learn({ error, inclusionProbability, trials, delta: level }) {
      threshold = updateThreshold(
        threshold,
        { accepted: true, right: !error, inclusionProbability },
        { ...settings, aim },
      );
      if (told % labelsAnAim === 0) {
        const mean = trials.weightedErrors / trials.weight;
        aim = aimFor({ mean, bound: upperBound(trials, level) }, targetRisk);
      }
      told++;
      if (told === driftAt) base = Math.max(0, base + drift);
      if (told % retrainEvery > 0) return;
      slope *= 0.8 + 0.3 * random();
      base *= 0.7 + 0.4 * random();
    },
  };
}

/** A world that errs just too often, and always as often. */
const steady = (risk: number): World => ({ risk: () => ({ accepted: risk, audited: risk }), learn: () => {} });

/** A world that plays against the bound: it errs more once luck has made the estimate too low, and less before. */
function adversary(low: number, high: number): World {
  let risk = low;
  return {
    risk: () => ({ accepted: risk, audited: risk }),
    learn({ trials, truth }) {
      risk = trials.weightedErrors / trials.weight < truth ? high : low;
    },
  };
}

function shares(
  plan: Plan,
  labels: number,
  count: number,
  world: (random: () => number) => World,
  looks = isBelowWithConfidence,
) {
  const random = seededRandom(101);
  const all = Array.from({ length: count }, () => live(random, plan, labels, world(random), looks));
  const share = (of: (life: (typeof all)[number]) => boolean) => all.filter(of).length / count;
  return {
    everFalse: share((life) => life.everFalse),
    falselyValid: share((life) => life.falselyValid),
    everValid: share((life) => life.everValid),
    everVoid: share((life) => life.windows > 1),
  };
}

describe("a region's certificate, over whole lives", () => {
  for (const [name, plan, labels] of [
    ["complete labels", plans.complete, 1_000],
    ["an audit of 2%", plans.audited, 1_000],
    ["both", plans.both, 1_500],
  ] as const) {
    it(`is wrong in at most delta of them and becomes valid in most: ${name}, drift, retrains, control`, () => {
      const seen = shares(plan, labels, lives, (random) => region(random, plan, labels));
      expect(seen.everFalse).toBeLessThanOrEqual(largestShare(lives, delta));
      expect(seen.everValid).toBeGreaterThan(0.5);
    });

    it(`is wrong in at most delta of them if the error stays just above the target: ${name}`, () => {
      const seen = shares(plan, labels, lives, () => steady(1.0001 * targetRisk));
      expect(seen.everFalse).toBeLessThanOrEqual(largestShare(lives, delta));
      expect(seen.everValid).toBe(seen.falselyValid);
    });

    it(`is wrong in at most delta of them against an adversary: ${name}`, () => {
      for (const [low, high] of [
        [0.02, 0.3],
        [0.5, 0.01],
      ] as const) {
        const seen = shares(plan, labels, lives / 2, () => adversary(low, high));
        expect(seen.everFalse).toBeLessThanOrEqual(largestShare(lives / 2, delta));
      }
    });
  }
});

describe("invalid alternatives", () => {
  it("fails for unweighted labels that are complete where errors are rare and audited where they are common", () => {
    const unweighted: typeof isBelowWithConfidence = (trials, risk, level) => {
      const { labels, errors } = trials;
      const alike = {
        weight: labels,
        weightedErrors: errors,
        weight2: labels,
        weightedErrors2: errors,
        minInclusionProbability: 1,
      };
      return isBelowWithConfidence({ ...trials, ...alike }, risk, level);
    };
    const world = (): World => ({ risk: () => ({ accepted: 0.02, audited: 0.12 }), learn: () => {} });
    expect(shares(plans.both, 1_000, 100, world, unweighted).falselyValid).toBeGreaterThan(0.3);
    expect(shares(plans.both, 1_000, 100, world).everFalse).toBeLessThan(delta);
  });

  it("fails with a fixed-sample bound that is looked at repeatedly", () => {
    const fixedSample: typeof isBelowWithConfidence = (trials, risk) =>
      // Clopper & Pearson: the mean is below r if so few errors have probability δ at most.
      trials.labels % 10 === 0 && trials.labels > 0 && binomialTail(trials.errors, trials.labels, risk) <= delta;
    const world = () => steady(1.0001 * targetRisk);
    expect(shares(plans.complete, 1_000, 200, world, fixedSample).falselyValid).toBeGreaterThan(2 * delta);
    expect(shares(plans.complete, 1_000, 200, world).everFalse).toBeLessThan(delta);
  });
});
