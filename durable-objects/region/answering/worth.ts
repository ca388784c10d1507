import {
  continueWithNewHead,
  escalatesAll,
  isComparable,
  learnPair,
  type Route,
  routeOf,
  startEscalation,
} from "#core/confidence/escalation.ts";
import { favoursFull } from "#core/confidence/escalation-estimate.ts";
import type { Answer, ClassifyManifest, LabelSource, RegionEscalation } from "#core/contract/index.ts";
import { hmacUnit } from "#core/hash.ts";
import { argMax } from "#core/head/head.ts";
import { learnStacking, noStacking, type Stacking, stackedScores, stackingWeights } from "#core/head/stacking.ts";
import { own } from "#core/own.ts";
import { candidatesInOrder, choose, restricts } from "#core/rung/candidates.ts";
import { aboveOf, externalRungsOf } from "#core/rung/external/ladder.ts";
import { taskOf } from "#core/task/index.ts";
import type { Comparison, Escalations } from "../tables/escalations.ts";
import type { ExternalRungs } from "../tables/external-rungs.ts";
import type { GivenScores, StoredQuestion } from "../tables/questions.ts";

/** What comparing the rungs reads and changes. */
interface WorthNeeds {
  region: string;
  splitSecret: string;
  escalations: Escalations;
  external: Pick<ExternalRungs, "learn" | "learnHelp">;
}

/** What is compared of a question. */
type Compared = Pick<StoredQuestion, "prediction" | "opinions" | "above" | "audited" | "route" | "candidates">;

/** Finds out by labels whether the rung above is worth asking, and how much its scores count. */
export class Worth {
  private readonly needs: WorthNeeds;

  constructor(needs: WorthNeeds) {
    this.needs = needs;
  }

  /** Returns what decides whether the rung above is asked about a question that the edge did not accept. */
  router(manifest: ClassifyManifest): (id: string) => Route {
    const { state } = this.of(manifest);
    if (escalatesAll(state)) return () => "escalate";
    return (id) => {
      const coin = hmacUnit(this.needs.splitSecret, `route|${id}`);
      return routeOf(state, coin, manifest.policy.explorationShare);
    };
  }

  /** Counts questions that the rung above is not asked about. */
  countUnasked(manifest: ClassifyManifest, questions: number): void {
    const { escalations } = this.needs;
    if (!escalations.get(manifest.version)) escalations.set(manifest.version, this.of(manifest));
    escalations.countUnasked(manifest.version, questions);
  }

  /** Compares both rungs by the first label of a question that both have answered, where that label may judge. */
  recordLabel(manifest: ClassifyManifest, question: Compared, label: string, source: LabelSource): void {
    const { above, prediction, audited, candidates } = question;
    // Both rungs may have been kept from what they would have answered.
    if (restricts(manifest.labels, candidates)) return;
    if (!above) return;
    this.calibrate(manifest, above.given ?? [], label, source);
    if (!isComparable({ source, planned: audited })) return;
    const { state, stacking } = this.of(manifest);
    const edge = edgeScores(manifest.labels, question);
    const scores = aboveScores(manifest.labels, above.scores);
    const task = taskOf(manifest);
    const known = task.labelOf(label);
    if (typeof known === "number") this.learnHelp(manifest, question, known);
    this.needs.escalations.set(manifest.version, {
      state: learnPair(state, {
        aboveRight: task.isRight(above.label, label),
        edgeRight: task.isRight(prediction, label),
      }),
      stacking:
        edge && scores && known !== null ? learnStacking(stacking, { edge, above: scores, label: known }) : stacking,
    });
  }

  // Which questions are labelled may depend on the scores: a temperature is fitted to labels given the scores.
  private calibrate(
    manifest: ClassifyManifest,
    given: readonly GivenScores[],
    label: string,
    source: LabelSource,
  ): void {
    const known = manifest.labels.indexOf(label);
    if (source === "origin" || known < 0) return;
    for (const { rung, scores } of givenBy(manifest.policy, given)) {
      if (scores.length === manifest.labels.length) this.needs.external.learn(rung, scores, known);
    }
  }

  // What the budget asks depends on the edge's confidence: where a rung helps is learned given that.
  private learnHelp({ policy, labels }: ClassifyManifest, { above, opinions, prediction }: Compared, known: number) {
    const confidence = opinions.find(({ rung }) => rung === "edge")?.confidence;
    if (confidence === undefined) return;
    const edgeRight = labels[known] === prediction;
    for (const { rung, scores } of givenBy(policy, above?.given)) {
      if (scores.length !== labels.length) continue;
      this.needs.external.learnHelp(rung, { confidence, aboveRight: argMax(scores) === known, edgeRight });
    }
  }

  /** Returns what combines an answer from above with the edge's scores. */
  combiner(manifest: ClassifyManifest): (question: Compared, answer: Answer) => Answer {
    if (!manifest.policy.learning.includes("stacking")) return (_, answer) => answer;
    const { stacking } = this.of(manifest);
    return (question, answer) => this.combine(manifest, stacking, question, answer);
  }

  /** Combines an answer from above with the edge's scores. It stays accepted only if it stays the same. */
  private combine(manifest: ClassifyManifest, stacking: Stacking, question: Compared, answer: Answer): Answer {
    const { candidates } = question;
    const isRestricted = restricts(manifest.labels, candidates);
    const labels = isRestricted ? candidatesInOrder(manifest.labels, candidates) : manifest.labels;
    const edge = edgeScores(labels, question);
    const above = aboveScores(labels, answer.scores);
    if (!edge || !above || stacking.labels === 0) return answer;
    // The labels that are left out count as one, or the candidates' scores would be renormalised. Together they score at least
    // what they would apart, for weights of 0 or more that sum to 1 or more (Hölder's inequality): no candidate gains.
    const scores = isRestricted
      ? stackedScores(stacking, withRest(edge), withRest(above)).subarray(0, labels.length)
      : stackedScores(stacking, edge, above);
    const task = taskOf(manifest);
    const said = isRestricted ? choose(labels, scores) : task.read(scores, manifest.full?.reading);
    const isSame = task.isRight(said.label, answer.label);
    // The mean and the interval of numbers were those of the other scores.
    const { mean: _, interval: __, intervalCoverage: ___, ...same } = answer;
    return {
      ...{ ...same, ...said },
      accepted: answer.accepted && isSame,
      certificate: isSame ? answer.certificate : null,
    };
  }

  /** Starts a new comparison for a new head. */
  newHead(base: number): void {
    const known = this.needs.escalations.get(base);
    if (known) this.needs.escalations.set(base, { ...known, state: continueWithNewHead(known.state) });
  }

  summary(manifest: ClassifyManifest): RegionEscalation {
    const { state, stacking, unasked } = this.of(manifest);
    const { status, counted, decidedBy } = state;
    return {
      ...{ status, counted, decidedBy, unasked },
      escalatesAll: escalatesAll(state),
      weights: stackingWeights(stacking),
    };
  }

  private of(manifest: ClassifyManifest): Comparison & { unasked: number } {
    const known = this.needs.escalations.get(manifest.version);
    return known ?? { state: startEscalation(this.isFavoured(manifest)), stacking: noStacking(), unasked: 0 };
  }

  // A version without an estimate escalates until labels say otherwise, as one whose edge has not been trained.
  private isFavoured({ escalation, trainedOn, policy }: ClassifyManifest): boolean {
    // The estimate is of our own origin.
    if (aboveOf(policy)[0] !== "origin") return true;
    if (!escalation || trainedOn.rows === 0) return true;
    return escalation.isUsed && favoursFull(escalation, this.needs.region);
  }
}

/** Returns scores with the external rungs of a policy that gave them. */
function givenBy(policy: ClassifyManifest["policy"], given: readonly GivenScores[] = []) {
  return externalRungsOf(policy).flatMap((rung) => {
    const own = given.find((one) => one.rung === rung.name);
    return own ? [{ rung, scores: own.scores }] : [];
  });
}

/** Adds the sum of the scores that are left out. */
function withRest(scores: readonly number[]): number[] {
  return [...scores, Math.max(0, 1 - scores.reduce((sum, score) => sum + score, 0))];
}

function edgeScores(labels: readonly string[], { opinions }: Compared): number[] | null {
  const own = opinions.find(({ rung }) => rung === "edge");
  return own ? aboveScores(labels, own.scores) : null;
}

// The rung above may serve a version with other labels.
function aboveScores(labels: readonly string[], scores: Record<string, number>): number[] | null {
  const known = labels.map((label) => own(scores, label));
  return known.every((score) => score !== undefined) ? (known as number[]) : null;
}
