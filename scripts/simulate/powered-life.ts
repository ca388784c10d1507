import { learnOpinion, noOpinionFit, predictedError, type SecondOpinion } from "#core/confidence/opinion.ts";
import {
  betsOf,
  type Capital,
  gainsOf,
  isPoweredValid,
  noCapital,
  type PoweredPlan,
} from "#core/confidence/powered.ts";
import type { Outcome } from "#core/confidence/trials.ts";

/** How often the rung above disagrees with the edge's prediction. */
export interface OpinionRates {
  /** If the prediction is wrong. */
  caught: number;
  /** If it is right. */
  falseAlarms: number;
}

/** Makes an opinion as an index of `opinionKinds`. Its score says nothing more about the error. */
export function drawOpinion(random: () => number, { caught, falseAlarms }: OpinionRates, error: Outcome): number {
  const disagrees = random() < (error ? caught : falseAlarms);
  const isSure = random() < (disagrees ? 0.7 : 0.9);
  return (disagrees ? 2 : 0) + (isSure ? 1 : 0);
}

export const opinionKinds: readonly SecondOpinion[] = [
  { agrees: true, score: 0.7 },
  { agrees: true, score: 0.97 },
  { agrees: false, score: 0.3 },
  { agrees: false, score: 0.03 },
];

/**
 * The capital of one simulated window, with predictions that are learned in it. It gives the same logarithms as
 * `addPowered` for each question, but counts questions without a label by the kind of their opinion until the next look.
 */
export class PoweredLife {
  readonly capital: Capital;
  private readonly bets: { fromLabels: readonly number[]; fromOpinions: readonly number[] };
  private fit = noOpinionFit();
  private readonly predicted: number[];
  private readonly unlabelled = opinionKinds.map(() => 0);
  /** ln(1 + κx) of a question without a label, for each kind of opinion and each bet; null until it is needed. */
  private readonly unlabelledLogs: (number[] | null)[] = opinionKinds.map(() => null);
  private plannedShare: number;
  private opinionShare: number;

  constructor(plan: PoweredPlan) {
    this.capital = noCapital(plan);
    this.bets = betsOf(plan);
    this.predicted = opinionKinds.map((opinion) => predictedError(this.fit, opinion));
    this.plannedShare = plan.minPlannedShare;
    this.opinionShare = plan.maxOpinionShare;
  }

  /** Changes the shares for the questions that follow. */
  setShares(plannedShare: number, opinionShare: number): void {
    this.settle();
    this.plannedShare = plannedShare;
    this.opinionShare = opinionShare;
    this.unlabelledLogs.fill(null);
  }

  addUnlabelled(kind: number): void {
    this.unlabelled[kind] = (this.unlabelled[kind] as number) + 1;
  }

  addLabelled(kind: number, error: Outcome): void {
    this.settle();
    const { plannedShare, opinionShare, capital, bets } = this;
    const predicted = this.predicted[kind] as number;
    const trial = { plannedShare, opinionShare, isPlanned: true, error, predicted };
    const gains = gainsOf(trial, capital.plan.targetRisk);
    add(capital.fromLabels, bets.fromLabels, gains.fromLabels);
    add(capital.fromOpinions, bets.fromOpinions, gains.fromOpinions);
    capital.labels++;
    this.fit = learnOpinion(this.fit, opinionKinds[kind] as SecondOpinion, error);
    for (const [i, opinion] of opinionKinds.entries()) {
      const now = predictedError(this.fit, opinion);
      if (now !== this.predicted[i]) this.unlabelledLogs[i] = null;
      this.predicted[i] = now;
    }
  }

  isValid(delta: number): boolean {
    this.settle();
    return isPoweredValid(this.capital, delta);
  }

  private settle(): void {
    const { capital, bets, opinionShare, plannedShare, unlabelled } = this;
    for (let kind = 0; kind < unlabelled.length; kind++) {
      const count = unlabelled[kind] as number;
      if (count === 0) continue;
      unlabelled[kind] = 0;
      let logs = this.unlabelledLogs[kind] ?? null;
      if (logs === null) {
        const predicted = this.predicted[kind] as number;
        const trial = { plannedShare, opinionShare, isPlanned: false, error: null, predicted };
        const gain = gainsOf(trial, capital.plan.targetRisk).fromOpinions;
        logs = bets.fromOpinions.map((bet) => Math.log1p(bet * gain));
        this.unlabelledLogs[kind] = logs;
      }
      const sums = capital.fromOpinions;
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + count * (logs[i] as number);
    }
  }
}

function add(sums: number[], bets: readonly number[], gain: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + Math.log1p((bets[i] as number) * gain);
}
