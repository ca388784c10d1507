import { Matrix } from "ml-matrix";
import { type ComparedQuestion, gate } from "#core/confidence/gate.ts";
import { type OwnerRows, ownersToLeaveOut, withoutOwner } from "#core/confidence/owners.ts";
import { exceededLimit, untrustedLimits, withinLimits } from "#core/confidence/trust.ts";
import { type GramMatrices, gramMatricesOf, leaveOut, solveRidge, toFloat32 } from "#core/head/analytic.ts";
import { applyCalibration, calibrate } from "#core/head/calibration.ts";
import { softmax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import { fitMix, mixHeads } from "#core/head/mix.ts";
import { addRow, addSums, labelWeightUnit } from "#core/head/sums.ts";
import { seededRandom } from "#origin/random.ts";
import { bestOf, draw, drawTruth, emptyFolds, type GivenLabel, lieOf, logitsOf, world } from "./poisoning-world.ts";

/** One attack, or none: what tokens without trust send on each of 60 days, after the region has 500 trusted labels. */
export interface Scenario {
  name: string;
  /** Whether the bounds hold; no is how it was: every token is trusted. */
  isBounded: boolean;
  tokens: number;
  /** Labels that each token tries to give on a day. */
  wanted: (day: number) => number;
  isHonest: boolean;
  /** New trusted labels on a day. */
  trustedPerDay: number;
  /** 60 unless given. */
  days?: number;
}

/** What happened in one life. */
export interface Outcome {
  /** Lies among 200 answers to others at the end, and answers that are right. */
  lies: number;
  right: number;
  /** Labels without trust that the region took, and refused. */
  taken: number;
  refused: number;
  /** Retrains that the gate let pass while labels without trust were new, and how many of them were held. */
  passed: number;
  held: number;
}

const start = 500;
const asked = 200;
const settings = { tau: 0, lambda: 10 };
const targetRisk = 0.1;
const analyticPrior = { centre: 0.2, deviation: 1 };

type Row = GivenLabel & { number: number };

/** Lives one life of a region: a day's labels, then a retrain, 60 times. */
export function live(
  seed: number,
  { isBounded, tokens, wanted, isHonest, trustedPerDay, days = 60 }: Scenario,
): Outcome {
  const random = seededRandom(seed);
  const truth = drawTruth(random);
  const rows: Row[] = [];
  const add = (label: GivenLabel) => rows.push({ ...label, number: rows.length + 1 });
  for (let i = 0; i < start; i++) add(draw(random, truth, null));
  const outcome: Outcome = { lies: 0, right: 0, taken: 0, refused: 0, passed: 0, held: 0 };
  let head = { weights: truth.global, lastSample: 0 };
  const retrain = () => {
    const run = judge(rows, truth.global, head, isBounded);
    const isWatched = isBounded && rows.some(({ owner, number }) => owner !== null && number > head.lastSample);
    if (run.verdict !== "refused" && isWatched) outcome.passed++;
    if (run.verdict === "held") outcome.held++;
    if (run.verdict === "promoted") head = { weights: run.weights, lastSample: rows.length };
  };
  retrain();
  for (let day = 0; day < days; day++) {
    for (let i = 0; i < trustedPerDay; i++) add(draw(random, truth, null));
    const today = { all: 0, own: new Map<string, number>() };
    for (let i = 0; i < wanted(day); i++) {
      for (let token = 0; token < tokens; token++) {
        const owner = `token ${token}`;
        const honest = draw(random, truth, owner);
        const isTaken = !isBounded || isWithinLimits(rows, owner, today);
        outcome[isTaken ? "taken" : "refused"]++;
        if (!isTaken) continue;
        today.all++;
        today.own.set(owner, (today.own.get(owner) ?? 0) + 1);
        add(isHonest ? honest : lieOf(honest));
      }
    }
    retrain();
  }
  for (let i = 0; i < asked; i++) {
    const question = draw(random, truth, null);
    const known = bestOf(truth.own, question.vector);
    const answer = bestOf(head.weights, question.vector);
    outcome.right += Number(answer === known);
    outcome.lies += Number(answer === (known + 1) % world.classes);
  }
  return outcome;
}

function isWithinLimits(
  rows: readonly Row[],
  owner: string,
  today: { all: number; own: Map<string, number> },
): boolean {
  const limits = untrustedLimits(rows.filter((row) => row.owner === null && row.split === "train").length);
  const use = {
    inAll: rows.filter((row) => row.owner !== null).length + 1,
    ofOwner: rows.filter((row) => row.owner === owner).length + 1,
    perDay: today.all + 1,
    ofOwnerPerDay: (today.own.get(owner) ?? 0) + 1,
  };
  return exceededLimit(limits, use) === null;
}

interface Run {
  verdict: "promoted" | "held" | "refused";
  weights: Float32Array;
}

/** Trains the analytic head, mixes it with the global one, and compares it with the head in use, as a region does. */
function judge(
  all: readonly Row[],
  global: Float32Array,
  current: { weights: Float32Array; lastSample: number },
  isBounded: boolean,
): Run {
  const isTrusted = ({ owner }: Row) => owner === null || !isBounded;
  const evidence = all.filter((row) => row.split === "train" && isTrusted(row)).length;
  const untrusted = all.filter((row) => !isTrusted(row));
  const train = new Set(withinLimits(untrusted, ({ owner }) => owner as string, untrustedLimits(evidence)));
  const rows = all.filter((row) => row.split === "train" && (isTrusted(row) || train.has(row)));
  const validation = all.filter((row) => row.split === "validation" && isTrusted(row));
  const unseen = rows.filter((row) => row.number > current.lastSample && isTrusted(row));
  const fitted = (left: ReadonlySet<number>) => {
    const heads = headsOf(rows, left);
    const calibration = calibrate(
      validation.map(({ vector }) => logitsOf(heads.all, vector)),
      validation.map(({ label }) => label),
      analyticPrior,
    );
    const own = applyCalibration(heads.all, calibration);
    const crossFitted = heads.folds.map((head) => applyCalibration(head, calibration));
    const mixed = [
      ...rows.filter(isTrusted).map((row) => ({ row, by: crossFitted[row.fold] as Float32Array })),
      ...validation.map((row) => ({ row, by: own })),
    ];
    const mix = fitMix({
      labels: mixed.map(({ row }) => row.label),
      groupKeys: mixed.map(({ row }) => `${row.number}`),
      global: mixed.map(({ row }) => logitsOf(global, row.vector)),
      regional: mixed.map(({ row, by }) => logitsOf(by, row.vector)),
    });
    const weights = mixHeads(own, global, mix.weight);
    const folds = crossFitted.map((head) => mixHeads(head, global, mix.weight));
    const compared = [
      ...validation.map((row) => compare(row, weights, current.weights)),
      ...unseen.map((row) => compare(row, folds[row.fold] as Float32Array, current.weights)),
    ];
    return { weights, compared };
  };
  const { weights, compared } = fitted(new Set());
  if (!gate(compared, targetRisk).promoted) return { verdict: "refused", weights };
  const owners = new Map<string, OwnerRows>();
  for (const row of rows) {
    if (isTrusted(row) || row.number <= current.lastSample) continue;
    const owner = row.owner as string;
    owners.set(owner, { owner, rows: [...(owners.get(owner)?.rows ?? []), row.number] });
  }
  const { alone, together } = ownersToLeaveOut([...owners.values()], rows.length);
  const decides = [...alone, ...(together ? [together] : [])].some(({ rows: left }) => {
    const without = fitted(new Set(left)).compared;
    const costs = without.map(
      ({ candidateLoss }, i) => candidateLoss - (compared[i] as ComparedQuestion).candidateLoss,
    );
    return withoutOwner(compared, costs, targetRisk).decides;
  });
  return { verdict: decides ? "held" : "promoted", weights };
}

function compare({ vector, label, number }: Row, candidate: Float32Array, current: Float32Array): ComparedQuestion {
  const graded = (head: Float32Array) => {
    const scores = softmax(logitsOf(head, vector), 1);
    const best = scores.indexOf(Math.max(...scores));
    return { loss: lossOf(scores, label), graded: { confidence: scores[best] as number, right: best === label } };
  };
  const [next, now] = [graded(candidate), graded(current)];
  const losses = { currentLoss: now.loss, candidateLoss: next.loss };
  return { cluster: `${number}`, ...losses, current: now.graded, candidate: next.graded };
}

function headsOf(rows: readonly Row[], left: ReadonlySet<number>): { all: Float32Array; folds: Float32Array[] } {
  const sums = emptyFolds();
  for (const { fold, vector, label, number } of rows) {
    if (!left.has(number)) addRow(sums[fold] as (typeof sums)[0], { vector, label, weight: labelWeightUnit });
  }
  const whole = gramMatricesOf(
    sums.reduce((all, fold) => addSums(all, fold)),
    world.step,
  );
  const scale: GramMatrices = {
    gram: Matrix.div(whole.gram, Math.max(1, whole.labels)),
    moment: Matrix.div(whole.moment, Math.max(1, whole.labels)),
    labels: whole.labels,
  };
  const solve = (own: GramMatrices) => toFloat32(solveRidge(own, scale, settings));
  return { all: solve(whole), folds: sums.map((_, fold) => solve(gramMatricesOf(leaveOut(sums, fold), world.step))) };
}
