import type { LabelSource } from "../contract/index.ts";
import { type EDetector, isAlarm, startDetector, updateDetector } from "./e-detector.ts";

/** What is known of the rung above, on the questions that a region escalates. */
export type EscalationStatus = "pays" | "unproven" | "does-not-pay";

/** How many labelled pairs were counted, and how often each rung was right in them. */
export interface PairCounts {
  pairs: number;
  aboveRight: number;
  edgeRight: number;
}

/** Whether escalation pays in one region and version, as plain JSON. */
export interface EscalationState {
  status: EscalationStatus;
  /** Whether the region escalates everything while it is `unproven`; otherwise it only explores. */
  favoured: boolean;
  /** Detects that the rung above is worse than the edge; null while it does not run. */
  worse: EDetector | null;
  /** Detects that the rung above is better than the edge; null while it does not run. */
  better: EDetector | null;
  /** The pairs since the status began. */
  counted: PairCounts;
  /** The pairs that led to the status; null before the first alarm. For display: they stopped at an alarm, so they exaggerate. */
  decidedBy: PairCounts | null;
}

/** The answers of both rungs to one question whose label is known. The prediction of the edge is the one made when it was asked. */
export interface LabelledPair {
  aboveRight: boolean;
  edgeRight: boolean;
}

/** What the region does with a question that the edge does not accept. Recorded with the question. */
export type Route =
  /** The rung above is asked, and answers. */
  | "escalate"
  /** The rung above is asked for the comparison only, and a label is planned. */
  | "explore"
  /** The rung above is not asked. */
  | "keep";

/** Which scores answer a question. */
export type AnsweredFrom = "edge" | "above" | "stacked";

/**
 * The average run length of both detectors until a false alarm, in pairs of which exactly one answer is right. At most half
 * of the pairs are of that kind if the rungs are about equally good and their errors are not opposed, so it is at least
 * 5,000 labels. Simulated, a rung above that is 10 points worse is found after 300 labels (median), and within 1,000 in 99.5% of lives.
 */
export const falseAlarmPairs = 2_500;

/** The share of the questions that would escalate for which a rung above that does not pay is asked. */
export const defaultExplorationShare = 0.05;

const noPairs: PairCounts = { pairs: 0, aboveRight: 0, edgeRight: 0 };

/**
 * Starts the comparison of a new version, or of a region's first head.
 *
 * @param favoured whether the estimate made at publishing favours the rung above, or the edge has no head yet
 */
export function startEscalation(favoured: boolean): EscalationState {
  return withStatus("unproven", favoured, null);
}

/**
 * Continues with a new head of the same version. The status is `unproven` again, but the region goes on as before: the new
 * head passed the gate against one that the rung above had already lost to, or won against. The detectors keep what they
 * have: their guarantee allows heads to change. Restarted by each new head, they would never find a rung above that is
 * worse where heads change more often than every few hundred labels.
 */
export function continueWithNewHead(state: EscalationState): EscalationState {
  return {
    ...withStatus("unproven", escalatesAll(state), state.decidedBy),
    worse: state.worse ?? startDetector(),
    better: state.better ?? startDetector(),
  };
}

/**
 * Counts a labelled pair, and changes the status at an alarm. Call it once for each question, at its first label that
 * `isComparable`, with pairs of this version only. A later correction of the label is ignored: the detectors are
 * sequential, and few corrections shift an alarm by a few labels at most.
 */
export function learnPair(
  state: EscalationState,
  { aboveRight, edgeRight }: LabelledPair,
  runLength = falseAlarmPairs,
): EscalationState {
  const difference = Number(aboveRight) - Number(edgeRight);
  const counted = {
    pairs: state.counted.pairs + 1,
    aboveRight: state.counted.aboveRight + Number(aboveRight),
    edgeRight: state.counted.edgeRight + Number(edgeRight),
  };
  const worse = state.worse && updateDetector(state.worse, -difference);
  const better = state.better && updateDetector(state.better, difference);
  if (worse && isAlarm(worse, runLength)) return withStatus("does-not-pay", false, counted);
  if (better && isAlarm(better, runLength)) return withStatus("pays", true, counted);
  return { ...state, worse, better, counted };
}

/**
 * Tells whether a label may judge the rung above: truth, and a person's label that a coin has planned before the answers
 * were known. The origin's labels would make it right by definition. People's labels that come only where the rung above
 * was unsure would make it look worse than it is. All planned labels of a route have one probability, so they need no
 * weights.
 */
export function isComparable({ source, planned }: { source: LabelSource; planned: boolean }): boolean {
  return source === "truth" || (source === "human" && planned);
}

/**
 * Decides what happens to a question that the edge does not accept.
 *
 * @param coin a uniform number in [0, 1) that does not depend on the question's content
 */
export function routeOf(state: EscalationState, coin: number, explorationShare = defaultExplorationShare): Route {
  if (escalatesAll(state)) return "escalate";
  return coin < explorationShare ? "explore" : "keep";
}

/**
 * Tells which scores answer a question, by its recorded route. An explored question is answered by the edge: the rung above
 * has not been shown to be better, and its answers would cost accuracy (10 points worse on 5% of the questions are 0.5
 * points). Stacked scores are those of the rung above until labels have changed their weights.
 */
export function answerFrom(route: Route, hasEdgeAnswer: boolean): AnsweredFrom {
  if (route === "escalate") return hasEdgeAnswer ? "stacked" : "above";
  return "edge";
}

/** Tells whether every question that the edge does not accept is escalated. */
export function escalatesAll({ status, favoured }: EscalationState): boolean {
  return status === "pays" || (status === "unproven" && favoured);
}

function withStatus(status: EscalationStatus, favoured: boolean, decidedBy: PairCounts | null): EscalationState {
  return {
    status,
    favoured,
    worse: status === "does-not-pay" ? null : startDetector(),
    better: status === "pays" ? null : startDetector(),
    counted: noPairs,
    decidedBy,
  };
}
