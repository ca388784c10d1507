// Simulates whole windows with known errors and opinions. Runs in Node only: pure and long.
import { describe, expect, it } from "vitest";
import { learnOpinion, noOpinionFit, predictedError, type SecondOpinion } from "#core/confidence/opinion.ts";
import { addPowered, betsOf, isPoweredValid, noCapital, type PoweredPlan } from "#core/confidence/powered.ts";
import type { Outcome } from "#core/confidence/trials.ts";
import { seededRandom } from "#origin/random.ts";
import { drawOpinion, opinionKinds, PoweredLife } from "#scripts/simulate/powered-life.ts";
import { live, type OpinionModel, opinionModels, type WorldMaker, worlds } from "#scripts/simulate/worlds.ts";
import { largestShare } from "#test/helpers/chance.ts";

const delta = 0.05;
const lives = 100;
const setting = { targetRisk: 0.1, delta, plannedShare: 0.02, opinionShare: 0.25, questions: 15_000 };
const opinions = Object.entries<OpinionModel>(opinionModels);

function shares(opinion: OpinionModel, world: WorldMaker) {
  const random = seededRandom(103);
  const all = Array.from({ length: lives }, () => live(random, { ...setting, opinion, world }));
  return {
    everFalse: all.filter((life) => life.everFalse).length / lives,
    everValid: all.filter((life) => life.everValid).length / lives,
  };
}

describe("a certificate with opinions, over whole windows", () => {
  for (const [name, world] of Object.entries<WorldMaker>(worlds)) {
    for (const [opinion, model] of opinions) {
      it(`is ever false in at most delta of them: ${name}, opinion ${opinion}`, () => {
        expect(shares(model, world).everFalse).toBeLessThanOrEqual(largestShare(lives, delta));
      });
    }
  }

  it("becomes valid in most where the error is low, with any opinion", () => {
    const low: WorldMaker = (random) => () => (random() < 0.03 ? 1 : 0);
    for (const [, model] of opinions) expect(shares(model, low).everValid).toBeGreaterThan(0.8);
  });

  it("is simulated by the same capital as `addPowered` gives", () => {
    const random = seededRandom(7);
    const plan: PoweredPlan = { targetRisk: 0.1, minPlannedShare: 0.1, maxOpinionShare: 0.5 };
    const life = new PoweredLife(plan);
    let capital = noCapital(plan);
    let fit = noOpinionFit();
    for (let i = 0; i < 3_000; i++) {
      const opinionShare = i < 1_500 ? 0.5 : 0.2;
      if (i === 1_500) life.setShares(0.1, opinionShare);
      const coin = random();
      if (coin >= opinionShare) continue;
      const error: Outcome = random() < 0.08 ? 1 : 0;
      const kind = drawOpinion(random, { caught: 0.8, falseAlarms: 0.1 }, error);
      const opinion = opinionKinds[kind] as SecondOpinion;
      const isPlanned = coin < 0.1;
      const predicted = predictedError(fit, opinion);
      const trial = { plannedShare: 0.1, opinionShare, isPlanned, error: isPlanned ? error : null, predicted };
      capital = addPowered(capital, trial);
      if (isPlanned) {
        life.addLabelled(kind, error);
        fit = learnOpinion(fit, opinion, error);
      } else {
        life.addUnlabelled(kind);
      }
    }
    life.isValid(delta);
    expect(life.capital.labels).toBe(capital.labels);
    for (const [i, log] of capital.fromLabels.entries()) expect(life.capital.fromLabels[i]).toBeCloseTo(log, 8);
    for (const [i, log] of capital.fromOpinions.entries()) expect(life.capital.fromOpinions[i]).toBeCloseTo(log, 8);
  });
});

describe("invalid alternatives", () => {
  it("fails for a bet that follows the data where errors come first and none later", () => {
    const plan: PoweredPlan = { targetRisk: 0.1, minPlannedShare: 1, maxOpinionShare: 1 };
    const largest = (betsOf(plan).fromLabels[0] as number) / 0.95;
    const early = 300;
    const labels = 700;
    const random = seededRandom(11);
    let adaptiveFalse = 0;
    let fixedFalse = 0;
    for (let life = 0; life < 500; life++) {
      let recent = plan.targetRisk;
      let adaptiveLog = 0;
      let fixed = noCapital(plan);
      let errors = 0;
      const seen = { adaptive: false, fixed: false };
      for (let i = 0; i < labels; i++) {
        const error: Outcome = i < early && random() < 0.3 ? 1 : 0;
        errors += error;
        // The best bet for the error of about the last 30 labels, known before this one.
        const bet = Math.min(0.95, Math.max(0, 1 - recent / plan.targetRisk)) * largest;
        adaptiveLog += Math.log1p(bet * (plan.targetRisk - error));
        recent += (error - recent) / 30;
        const trial = { plannedShare: 1, opinionShare: 1, isPlanned: true, error, predicted: 0 };
        fixed = addPowered(fixed, trial);
        if (errors < plan.targetRisk * (i + 1)) continue;
        if (adaptiveLog >= Math.log(1 / delta)) seen.adaptive = true;
        if (isPoweredValid(fixed, delta)) seen.fixed = true;
      }
      if (seen.adaptive) adaptiveFalse++;
      if (seen.fixed) fixedFalse++;
    }
    expect(adaptiveFalse).toBeGreaterThan(450);
    expect(fixedFalse).toBeLessThanOrEqual(500 * delta);
  });
});
