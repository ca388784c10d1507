import {
  answerFrom,
  isComparable,
  learnPair,
  type Route,
  routeOf,
  startEscalation,
} from "#core/confidence/escalation.ts";
import type { LabelSource } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { learnStacking, noStacking, stackedScores } from "#core/head/stacking.ts";
import type { AskedQuestion } from "./escalation-world.ts";

export const periods = 10;

/** Which labels exist, and which of them count. */
export type Labelling =
  /** The truth of every question arrives. */
  | "truth of every question"
  /** People label a planned share, and whatever the rung above is unsure of; only planned labels count. */
  | "planned labels only"
  /** The same labels, and all of them count: what the policy must not do. */
  | "all labels of people";

/** The share of escalated questions whose label is planned, where not every truth arrives. */
export const plannedShare = 0.1;

/** How the rung above changes in a life: what it is like, and from which period on. */
export interface Phase {
  fromPeriod: number;
  questions: readonly AskedQuestion[];
  /** Whether the rung above is worse than the edge, better, or neither. */
  above: "worse" | "better" | "equal";
}

/** Counts of one period. */
export interface Period {
  questions: number;
  escalated: number;
  ladderRight: number;
  edgeRight: number;
  aboveRight: number;
  /** With the answers from above as they are, not stacked. */
  unstackedRight: number;
}

/** How long a change took to be noticed; null if it was not, or was not one for this region. */
export interface Delay {
  labels: number;
  questions: number;
}

/** One life of a region. */
export interface Life {
  periods: Period[];
  /** The time from a worse rung above to `does-not-pay`. */
  detection: Delay | "none" | "missed";
  /** The time from a better rung above to `pays`, after it had been found to be worse. */
  recovery: Delay | "none" | "missed";
  /** From the detection until the rung above is better again. */
  afterDetection: { questions: number; ladderRight: number; edgeRight: number };
  /** Alarms that the rung above is worse while it is not, and the labels during which one was possible. */
  falseAlarms: number;
  watchedLabels: number;
  /** Alarms that the rung above is better while it is worse. */
  falseRecoveries: number;
}

/** Lives one life of `periods` × `each` questions that the edge does not accept. The estimate made at publishing favours the rung above. */
export function live(phases: readonly Phase[], each: number, labelling: Labelling, random: () => number): Life {
  let state = startEscalation(true);
  let stacking = noStacking();
  const life: Life = {
    periods: [],
    detection: "none",
    recovery: "none",
    afterDetection: { questions: 0, ladderRight: 0, edgeRight: 0 },
    falseAlarms: 0,
    watchedLabels: 0,
    falseRecoveries: 0,
  };
  let phase = phases[0] as Phase;
  let since: Delay = { labels: 0, questions: 0 };
  for (let index = 0; index < periods; index++) {
    const next = phases.find(({ fromPeriod }) => fromPeriod === index);
    if (next) {
      phase = next;
      since = { labels: 0, questions: 0 };
      if (phase.above === "worse" && state.status !== "does-not-pay") life.detection = "missed";
      if (phase.above === "better" && state.status === "does-not-pay") life.recovery = "missed";
    }
    const period: Period = {
      questions: each,
      escalated: 0,
      ladderRight: 0,
      edgeRight: 0,
      aboveRight: 0,
      unstackedRight: 0,
    };
    life.periods.push(period);
    for (let i = 0; i < each; i++) {
      const question = phase.questions[Math.floor(random() * phase.questions.length)] as AskedQuestion;
      const route = routeOf(state, random());
      const isStacked = answerFrom(route, true) === "stacked";
      const ladderRight = isStacked
        ? argMax(stackedScores(stacking, question.edge, question.above)) === question.label
        : question.edgeRight;
      if (route !== "keep") period.escalated++;
      if (ladderRight) period.ladderRight++;
      if (question.edgeRight) period.edgeRight++;
      if (question.aboveRight) period.aboveRight++;
      if (isStacked ? question.aboveRight : question.edgeRight) period.unstackedRight++;
      if (phase.above === "worse" && typeof life.detection === "object") {
        life.afterDetection.questions++;
        if (ladderRight) life.afterDetection.ladderRight++;
        if (question.edgeRight) life.afterDetection.edgeRight++;
      }
      since.questions++;
      if (route === "keep" || !isCounted(question, route, labelling, random)) continue;
      since.labels++;
      stacking = learnStacking(stacking, question);
      if (phase.above !== "worse" && state.worse) life.watchedLabels++;
      const { status } = state;
      state = learnPair(state, question);
      if (state.status === status) continue;
      if (state.status === "does-not-pay") {
        if (phase.above !== "worse") life.falseAlarms++;
        else if (life.detection === "missed") life.detection = { ...since };
      } else if (phase.above === "worse") life.falseRecoveries++;
      else if (life.recovery === "missed") life.recovery = { ...since };
    }
  }
  return life;
}

/** Draws whether the question gets a label, and tells whether the labelling counts it. */
function isCounted(question: AskedQuestion, route: Route, labelling: Labelling, random: () => number): boolean {
  const isPlanned = route === "explore" || random() < plannedShare;
  if (labelling === "truth of every question") {
    return isComparable({ source: "truth", planned: isPlanned });
  }
  const label: { source: LabelSource; planned: boolean } = { source: "human", planned: isPlanned };
  if (!isPlanned && !question.isUnsure) return false;
  return labelling === "all labels of people" || isComparable(label);
}
