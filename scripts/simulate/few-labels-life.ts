import { Matrix } from "ml-matrix";
import { crossFitFold, crossFitFolds, fewLabelsBelow } from "#core/confidence/few-labels.ts";
import { type ComparedQuestion, gate, gateFewer } from "#core/confidence/gate.ts";
import { type GradedAnswer, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import { trainFolds } from "#core/confidence/splits.ts";
import { untrustedLimits, withinLimits } from "#core/confidence/trust.ts";
import {
  type GramMatrices,
  gramMatricesOf,
  leaveOut,
  solveRidge,
  squaredError,
  toFloat32,
} from "#core/head/analytic.ts";
import { applyCalibration, calibrate, type ScoreCalibration } from "#core/head/calibration.ts";
import { softmax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import { fitMix, mixHeads } from "#core/head/mix.ts";
import { addRow, addSums, emptySums, labelWeightUnit, type Sums } from "#core/head/sums.ts";
import { seededRandom } from "#origin/random.ts";
import { bestOf, draw, drawTruth, type GivenLabel, lieOf, logitsOf, world } from "./poisoning-world.ts";

/** How a region uses few labels: `held out`, 40% of them judge or certify; `cross-fitted`, all train. */
export type Way = "held out" | "cross-fitted";

/** A region's life: whether it starts with a global head, and whether tokens without trust lie as much as they may. */
export interface Region {
  isCreated: boolean;
  isLiedTo: boolean;
}

/** The region after a retrain, judged on new questions. */
export interface Stage {
  labels: number;
  accuracy: number;
  /** Lies among the answers. */
  lies: number;
  accepted: number;
  /** Of accepted answers; null where none is. */
  error: number | null;
  /** True log-loss of the new head minus that of the one before; null where none was promoted. */
  change: number | null;
}

type Row = GivenLabel & { number: number };

interface HeadInUse {
  weights: Float32Array;
  threshold: number;
  labels: number;
  lastSample: number;
  crossFits: boolean;
  crossFitted: Float32Array[];
}

const asked = 1_000;
/** Trusted labels at each retrain: from few to more than the bound of three classes. */
export const stages = [20, 30, 45, 70, 100, 140, 190, 260, 350, 500];
export const targetRisk = 0.1;
const penalties = [1, 10, 100];
const analyticPrior = { centre: 0.2, deviation: 1 };
const liars = 20;

/** Lives one life of a region that gets its labels bit by bit, with a retrain at each stage. */
export function live(seed: number, way: Way, { isCreated, isLiedTo }: Region): Stage[] {
  const random = seededRandom(seed);
  const drawn = drawTruth(random);
  const truth = isCreated ? { ...drawn, global: new Float32Array(drawn.global.length) } : drawn;
  const fresh = Array.from({ length: asked }, () => draw(random, truth, null));
  const rows: Row[] = [];
  const add = (label: GivenLabel) => rows.push({ ...label, number: rows.length + 1 });
  const untaught = { labels: 0, lastSample: 0, crossFits: false, crossFitted: [] };
  let head: HeadInUse = { weights: truth.global, threshold: 1.01, ...untaught };
  return stages.map((labels) => {
    while (rows.filter(({ owner }) => owner === null).length < labels) add(draw(random, truth, null));
    const evidence = rows.filter(({ owner, split }) => owner === null && split === "train").length;
    const room = untrustedLimits(evidence).inAll - rows.filter(({ owner }) => owner !== null).length;
    for (let i = 0; isLiedTo && i < room; i++) add(lieOf(draw(random, truth, `token ${i % liars}`)));
    const crossFits = way === "cross-fitted" && labels < fewLabelsBelow(world.classes);
    const next = retrain(rows, truth.global, head, crossFits);
    const change = next && trueLoss(next.weights, fresh) - trueLoss(head.weights, fresh);
    head = next ?? head;
    const answers = fresh.map((question) => ({ question, ...graded(head.weights, question) }));
    const accepted = answers.filter(({ answer }) => answer.confidence >= head.threshold);
    const known = ({ vector }: GivenLabel) => bestOf(truth.own, vector);
    const best = answers.map(({ question }) => bestOf(head.weights, question.vector));
    return {
      labels,
      accuracy: fresh.filter((question, i) => best[i] === known(question)).length / asked,
      lies: fresh.filter((question, i) => best[i] === (known(question) + 1) % world.classes).length / asked,
      accepted: accepted.length / asked,
      error: accepted.length > 0 ? accepted.filter(({ answer }) => !answer.right).length / accepted.length : null,
      change,
    };
  });
}

/** Trains a head as a region does; null where the gate refuses it. */
function retrain(all: readonly Row[], global: Float32Array, current: HeadInUse, crossFits: boolean): HeadInUse | null {
  const isTrusted = ({ owner }: Row) => owner === null;
  const evidence = all.filter((row) => row.split === "train" && isTrusted(row)).length;
  const within = new Set(
    withinLimits(
      all.filter((row) => !isTrusted(row)),
      ({ owner }) => owner as string,
      untrustedLimits(evidence),
    ),
  );
  const rows = all.filter((row) => (crossFits || row.split === "train") && (isTrusted(row) || within.has(row)));
  const foldCount = crossFits ? crossFitFolds : trainFolds;
  const heads = headsOf(rows, foldCount);
  if (!heads) return null;
  const validation = crossFits ? [] : all.filter((row) => row.split === "validation" && isTrusted(row));
  const judging = rows.filter(isTrusted);
  if (validation.length + (crossFits ? judging.length : 0) === 0) return null;
  const logitsLeftOut = (row: Row) => logitsOf(heads.folds[crossFitFold(row)] as Float32Array, row.vector);
  const calibrated = (chosen: readonly Row[], by: (row: Row) => Float64Array): ScoreCalibration =>
    calibrate(
      chosen.map(by),
      chosen.map(({ label }) => label),
      analyticPrior,
    );
  const whole = crossFits
    ? calibrated(judging, logitsLeftOut)
    : calibrated(validation, ({ vector }) => logitsOf(heads.all, vector));
  const ofFold = (fold: number) =>
    crossFits
      ? calibrated(
          judging.filter((row) => crossFitFold(row) !== fold),
          logitsLeftOut,
        )
      : whole;
  const own = applyCalibration(heads.all, whole);
  const folds = heads.folds.map((head, fold) => applyCalibration(head, ofFold(fold)));
  const mixed = [
    ...judging.map((row) => ({ row, by: folds[crossFitFold(row)] as Float32Array })),
    ...validation.map((row) => ({ row, by: own })),
  ];
  const { weight } = fitMix({
    labels: mixed.map(({ row }) => row.label),
    groupKeys: mixed.map(({ row }) => `${row.number}`),
    global: mixed.map(({ row }) => logitsOf(global, row.vector)),
    regional: mixed.map(({ row, by }) => logitsOf(by, row.vector)),
  });
  const weights = mixHeads(own, global, weight);
  const crossFitted = folds.map((head) => mixHeads(head, global, weight));
  const compared = [
    ...validation.flatMap((row) => compare(row, weights, current, crossFits)),
    ...judging.flatMap((row) => compare(row, crossFitted[crossFitFold(row)] as Float32Array, current, crossFits)),
  ];
  const labels = { current: current.crossFits ? current.labels : 0, candidate: rows.length };
  if (!gateFewer(gate(compared, targetRisk), labels).promoted) return null;
  const judged = crossFits
    ? judging.map((row) => graded(crossFitted[crossFitFold(row)] as Float32Array, row).answer)
    : validation.map((row) => graded(weights, row).answer);
  const threshold = validationThreshold(thresholdGrid(judged), judged, targetRisk);
  const lastSample = all.at(-1)?.number ?? 0;
  return { weights, threshold, labels: rows.length, lastSample, crossFits, crossFitted: crossFits ? crossFitted : [] };
}

function compare(row: Row, candidate: Float32Array, current: HeadInUse, crossFits: boolean): ComparedQuestion[] {
  const hasLearned = row.number <= current.lastSample && (current.crossFits || row.split === "train");
  const heldOut = crossFits ? current.crossFitted[crossFitFold(row)] : undefined;
  if (hasLearned && !heldOut) return [];
  const next = graded(candidate, row);
  const now = graded(hasLearned && heldOut ? heldOut : current.weights, row);
  const losses = { currentLoss: now.loss, candidateLoss: next.loss };
  return [{ cluster: `${row.number}`, ...losses, current: now.answer, candidate: next.answer }];
}

function graded(head: Float32Array, { vector, label }: GivenLabel): { loss: number; answer: GradedAnswer } {
  const scores = softmax(logitsOf(head, vector), 1);
  const best = scores.indexOf(Math.max(...scores));
  return { loss: lossOf(scores, label), answer: { confidence: scores[best] as number, right: best === label } };
}

function trueLoss(head: Float32Array, fresh: readonly GivenLabel[]): number {
  return fresh.reduce((sum, question) => sum + graded(head, question).loss, 0) / fresh.length;
}

function headsOf(rows: readonly Row[], foldCount: number): { all: Float32Array; folds: Float32Array[] } | null {
  const sums: Sums[] = Array.from({ length: foldCount }, () => emptySums(world.width, world.classes));
  for (const row of rows) {
    const { vector, label } = row;
    addRow(sums[crossFitFold(row)] as Sums, { vector, label, weight: labelWeightUnit });
  }
  const whole = gramMatricesOf(
    sums.reduce((all, fold) => addSums(all, fold)),
    world.step,
  );
  const own = sums.map((fold) => gramMatricesOf(fold, world.step));
  const left = sums.map((_, fold) => gramMatricesOf(leaveOut(sums, fold), world.step));
  const one = Math.max(1, whole.labels);
  const scale = { gram: Matrix.div(whole.gram, one), moment: Matrix.div(whole.moment, one), labels: whole.labels };
  const solve = (system: GramMatrices, lambda: number) => solveRidge(system, scale, { tau: 0, lambda });
  try {
    const errors = penalties.map((lambda) =>
      left.reduce((sum, system, fold) => sum + squaredError(own[fold] as GramMatrices, solve(system, lambda)), 0),
    );
    const lambda = penalties[errors.indexOf(Math.min(...errors))] as number;
    return { all: toFloat32(solve(whole, lambda)), folds: left.map((system) => toFloat32(solve(system, lambda))) };
  } catch {
    return null;
  }
}
