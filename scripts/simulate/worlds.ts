import type { Outcome } from "#core/confidence/trials.ts";
import { drawOpinion, type OpinionRates, PoweredLife } from "./powered-life.ts";

/** An opinion by its rates, and from when on it is inverted. */
export interface OpinionModel {
  rates: OpinionRates;
  isInverted: boolean;
}

export const opinionModels = {
  "95% caught, 0.5% false alarms": { rates: { caught: 0.95, falseAlarms: 0.005 }, isInverted: false },
  "80% caught, 2% false alarms": { rates: { caught: 0.8, falseAlarms: 0.02 }, isInverted: false },
  useless: { rates: { caught: 0.05, falseAlarms: 0.05 }, isInverted: false },
  "first one, later inverted": { rates: { caught: 0.95, falseAlarms: 0.005 }, isInverted: true },
} as const satisfies Record<string, OpinionModel>;

/** Returns the rates of an opinion that says the opposite. */
export function inverted({ caught, falseAlarms }: OpinionRates): OpinionRates {
  return { caught: 1 - caught, falseAlarms: 1 - falseAlarms };
}

/** The errors of one life: what the next accepted question's is, after `questions` with `errors`. */
export type World = (questions: number, errors: number) => Outcome;

/** Makes a world for one life of some length. */
export type WorldMaker = (random: () => number, targetRisk: number, length: number) => World;

export const worlds = {
  /** The error probability jumps nine times a life, to anything up to twice the target. */
  drift: (random, targetRisk, length) => {
    let risk = 2 * targetRisk * random();
    return () => {
      if (random() < 9 / length) risk = 2 * targetRisk * random();
      return random() < risk ? 1 : 0;
    };
  },
  /** Blocks with twice the target and blocks without an error take turns. */
  alternating: (random, targetRisk, length) => {
    const block = Math.ceil(length * (0.01 + 0.1 * random()));
    return (questions) => (Math.floor(questions / block) % 2 === 0 && random() < 2 * targetRisk ? 1 : 0);
  },
  /** Errors come first, until the mean has fallen to the target; from then on it stays just above. */
  "errors first": (random, targetRisk, length) => {
    const early = Math.ceil(targetRisk * length * random());
    return (questions, errors) => (questions < early || errors < targetRisk * (questions + 1) ? 1 : 0);
  },
  /** An adversary that knows the sums: every error that keeps the mean at the target, and no more. */
  adversary: (_, targetRisk) => (questions, errors) => (errors < targetRisk * (questions + 1) ? 1 : 0),
} as const satisfies Record<string, WorldMaker>;

/** One life with known errors. */
export interface LifeSetting {
  targetRisk: number;
  delta: number;
  plannedShare: number;
  /** The share of opinions until the certificate is valid; then it is `plannedShare`, for as long as it stays valid. */
  opinionShare: number;
  questions: number;
  opinion: OpinionModel;
  world: WorldMaker;
}

/** What a life's certificate was, over all looks: before and after every label. */
export interface LifeSeen {
  everValid: boolean;
  /** Valid at a look at which the mean error was at or above the target. */
  everFalse: boolean;
}

/** Simulates one life. An opinion that is inverted is so from the middle on. */
export function live(random: () => number, setting: LifeSetting): LifeSeen {
  const { targetRisk, delta, plannedShare, opinionShare, opinion } = setting;
  const life = new PoweredLife({ targetRisk, minPlannedShare: plannedShare, maxOpinionShare: opinionShare });
  const nextError = setting.world(random, targetRisk, setting.questions);
  const seen = { everValid: false, everFalse: false };
  let share = opinionShare;
  let errors = 0;
  const look = (questions: number) => {
    const isValid = life.isValid(delta);
    if (isValid) seen.everValid = true;
    if (isValid && errors >= targetRisk * questions) seen.everFalse = true;
    return isValid;
  };
  for (let i = 0; i < setting.questions; i++) {
    const error = nextError(i, errors);
    const coin = random();
    if (coin < share) {
      const isLater = opinion.isInverted && 2 * i >= setting.questions;
      const kind = drawOpinion(random, isLater ? inverted(opinion.rates) : opinion.rates, error);
      if (coin >= plannedShare) {
        life.addUnlabelled(kind);
      } else {
        if (i > 0) look(i);
        life.addLabelled(kind, error);
        errors += error;
        const next = look(i + 1) ? plannedShare : opinionShare;
        if (next !== share) life.setShares(plannedShare, next);
        share = next;
        continue;
      }
    }
    errors += error;
  }
  look(setting.questions);
  return seen;
}
