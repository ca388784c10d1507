import { comparePublished } from "#core/confidence/escalation-estimate.ts";
import { type PredictedAnswer, predictedThreshold } from "#core/confidence/from-above.ts";
import { acceptNothing } from "#core/confidence/rule.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { own } from "#core/own.ts";
import { type Calibration, calibrated, learnCalibration, noCalibration } from "#core/rung/external/calibration.ts";
import { startTraining } from "../backend/index.ts";
import type { Recipe } from "../recipes/index.ts";
import type { WeightedRow } from "./dataset.ts";
import type { TrainedModel, TrainOptions } from "./index.ts";
import { type Blobs, bytesOf } from "./pack.ts";
import { packRegionalParts } from "./regional-parts.ts";
import { countsOf } from "./rows.ts";
import { readFrom, scoreDataset } from "./score.ts";
import type { RowsBySplit } from "./splits.ts";
import { encodeSplits, release, trainNetwork } from "./train-network.ts";

/**
 * Trains thin alone on samples of regions: the rung above is its teacher, with the scores that labels have calibrated, and
 * labels replace what it said. The rule starts at a predicted threshold and certifies nothing.
 */
export async function trainFromAbove(
  recipe: Recipe,
  splits: RowsBySplit,
  { backend: choice, trainer, checkpoints, until, onProgress }: TrainOptions,
): Promise<TrainedModel> {
  const backend = await startTraining(choice);
  const blobs: Blobs = new Map();
  const { labels } = recipe;
  const calibration = calibrationOf(labels, [...splits.train, ...splits.validation]);
  const encoded = encodeSplits(recipe, recipe.thin.input, splits);
  const thin = await trainNetwork(recipe, { ...recipe.thin, rivals: [] }, encoded, {
    ...{ name: "thin", backend, trainer, blobs, checkpoints, until },
    teacher: teacherOf(labels, splits.train, calibration),
    onProgress: (progress) => onProgress?.({ network: "thin", ...progress }),
  });
  const { validation } = encoded.heldOut;
  const scores = await scoreDataset(thin.spec, readFrom(blobs), validation);
  const spec = withPredictedRule(recipe, thin.spec, predictedAnswers(labels, splits, scores, calibration));
  const { anchor, prior } = await packRegionalParts(spec, blobs, encoded.data, encoded.heldOut.calibration);
  const draft = {
    ...({ format: "upriver/2", model: recipe.name, task: recipe.task, labels } as const),
    ...{ thin: spec, full: null, anchor, prior, policy: recipe.policy, splits: splits.splits },
    metrics: { thin: thin.metrics, full: null },
    trainedOn: countsOf(splits.train),
    // Those would be questions of regions.
    examples: [],
  };
  release(encoded);
  const { history, seconds, kind, candidates, optimism } = thin;
  const result = {
    ...{ model: recipe.name, labels, targetRisk: recipe.targetRisk, seed: recipe.training.seed },
    backend: trainer?.describe() ?? backend.name,
    ...{ trainedOn: draft.trainedOn, splits: splits.report, scale: null, escalation: comparePublished([]) },
    networks: [{ name: "thin", kind, candidates, history, seconds, optimism, scores, bytes: bytesOf(spec) }],
    truths: splits.validation.map(({ label }) => labels.indexOf(label)),
    regions: splits.validation.map(({ region }) => region),
  };
  return { draft, blobs, result, cutShort: thin.isCutShort ? ["thin"] : [] };
}

/** Fits the temperature of the rung above on every label of a question that it answered. */
function calibrationOf(labels: readonly string[], rows: readonly WeightedRow[]): Calibration {
  return rows.reduce((calibration, { label, source, above }) => {
    if (source === "origin" || !above) return calibration;
    return learnCalibration(calibration, scoresOf(labels, above), labels.indexOf(label));
  }, noCalibration());
}

/** Lists what thin is to say of each row [rows, labels]: what the rung above said, or a label that a person or the world gave. */
function teacherOf(labels: readonly string[], rows: readonly WeightedRow[], calibration: Calibration): Float32Array {
  const teacher = new Float32Array(rows.length * labels.length);
  for (const [i, { label, source, above }] of rows.entries()) {
    if (source === "origin" && above) teacher.set(calibrated(calibration, scoresOf(labels, above)), i * labels.length);
    else teacher[i * labels.length + labels.indexOf(label)] = 1;
  }
  return teacher;
}

/**
 * Lists what is known of thin's answers to held-out rows. Every audit of what the edge accepted is held out, and a share of the
 * rest. A label that came without a question, and an answer from above without scores, as of our own origin, say nothing.
 */
function predictedAnswers(
  labels: readonly string[],
  { train, validation }: RowsBySplit,
  scores: readonly Float64Array[],
  calibration: Calibration,
): PredictedAnswer[] {
  const escalated = validation.filter(({ inclusionProbability = 1 }) => inclusionProbability === 1).length;
  const heldShare = escalated / (escalated + train.length);
  return validation.flatMap(({ label, source, above, inclusionProbability }, i) => {
    if (inclusionProbability === undefined || (source === "origin" && !above)) return [];
    const own = scores[i] as Float64Array;
    const best = argMax(own);
    const right =
      source === "origin" && above
        ? (calibrated(calibration, scoresOf(labels, above))[best] as number)
        : Number(labels[best] === label);
    const held = inclusionProbability === 1 ? heldShare : inclusionProbability;
    return [{ confidence: own[best] as number, error: 1 - right, inclusionProbability: held }];
  });
}

function withPredictedRule(recipe: Recipe, spec: NetworkSpec, held: readonly PredictedAnswer[]): NetworkSpec {
  const { threshold, predicted } = predictedThreshold(held, recipe.targetRisk);
  const error = predicted === null ? "no threshold is" : `an error of ${(100 * predicted).toFixed(1)}% is`;
  const reason = `${error} predicted by the rung above and by audits; a region's own labels earn its certificate`;
  const uncertified = { status: "pending" as const, reason, labels: 0, labelsNeeded: null };
  // Where classes have risks of their own, a predicted overall error starts nothing.
  const started = recipe.perClass.length > 0 ? acceptNothing : threshold;
  return { ...spec, rule: { ...spec.rule, threshold: started, certificate: null, uncertified } };
}

function scoresOf(labels: readonly string[], above: Record<string, number>): number[] {
  return labels.map((label) => own(above, label) ?? 0);
}
