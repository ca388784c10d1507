import { checkBlob } from "#core/artefacts.ts";
import { type CertifiedRule, certifyRule, type Optimism } from "#core/confidence/certify.ts";
import { acceptNothing, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import type { Input, Metrics, NetworkSpec } from "#core/contract/index.ts";
import { logitsOf, softmax } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { Recipe } from "../recipes/index.ts";
import {
  type Calibration,
  evaluated,
  fitCalibration,
  gradedBy,
  type HeldOutLogits,
  withIntervals,
} from "./calibration.ts";
import { type Dataset, embedRows, encodeRows, labelsOf } from "./dataset.ts";
import type { Blobs, PackedNetwork } from "./pack.ts";
import { type DateRange, dateRangeOf } from "./rows.ts";
import type { Part, RowsBySplit } from "./splits.ts";

/** Rows that no network trains on, with the group keys of each part. */
export interface HeldOut extends Record<Exclude<Part, "train">, Dataset> {
  groups: RowsBySplit["groups"];
  /** The days that the rows which certify span. */
  window: DateRange;
  /** Why nothing can be certified on these rows; null where it can. */
  uncertifiable: string | null;
}

/** Encodes the rows that no network trains on. */
export function holdOut(recipe: Recipe, input: Input, splits: RowsBySplit): HeldOut {
  const { validation, calibration, latest, groups, report } = splits;
  return {
    validation: encodeRows(recipe, input, validation),
    calibration: encodeRows(recipe, input, calibration),
    latest: encodeRows(recipe, input, latest),
    groups,
    window: dateRangeOf([...calibration, ...latest]),
    uncertifiable: report.uncertifiable,
  };
}

/** A network with its rule and certificate, and how it scores held-out rows. */
export interface CalibratedNetwork {
  spec: NetworkSpec;
  metrics: Metrics;
  /** Calibrated scores of each calibration row, and of each row of the latest part. */
  calibrationScores: Float64Array[];
  latestScores: Float64Array[];
  /** How much worse the latest rows are than the calibration rows; null without a latest part. */
  optimism: Optimism | null;
}

/** Headroom of the int16 range above the largest embedding on validation rows. */
const embeddingHeadroom = 1.5;
/** Parts of held-out rows in cross-fitting. */
const crossFits = 5;

/**
 * Fits a network's temperature, of numbers also their reading, and threshold grid on validation rows, and its accept rule with
 * certificate on the groups of the calibration rows and of the latest rows. Where there are too few groups to certify, all
 * held-out rows set temperature and threshold by cross-fitting. Runs the network from its blobs, as the edge does.
 */
export async function calibrateNetwork(
  recipe: Recipe,
  packed: PackedNetwork,
  blobs: Blobs,
  heldOut: HeldOut,
): Promise<CalibratedNetwork> {
  const { targetRisk, delta } = recipe;
  const unproven = { threshold: 0, strictest: 0, targetRisk, delta, certificate: null, uncertified: null };
  const network = await loadNetwork(servingEngine, { ...packed, rule: unproven }, async (blob) =>
    checkBlob(blob, blobs.get(blob.sha256)?.buffer ?? null),
  );
  const { width } = network.head;
  let largest = 0;
  const held = (part: Exclude<Part, "train">): HeldOutLogits => {
    const data = heldOut[part];
    const embeddings = embedRows(network.backbone, data);
    if (part === "validation") largest = embeddings.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    return {
      logits: Array.from({ length: data.rows }, (_, row) => logitsOf(network.head, embeddings, row * width)),
      labels: labelsOf(data),
      groups: heldOut.groups[part],
    };
  };
  const parts = { validation: held("validation"), calibration: held("calibration"), latest: held("latest") };
  network.backbone.release();
  const fitted =
    heldOut.uncertifiable === null ? certified(recipe, parts, heldOut) : started(recipe, parts, heldOut.uncertifiable);
  const { temperature, reading, rule, optimism } = fitted;
  const scored = ({ logits }: HeldOutLogits) => logits.map((row) => softmax(row, temperature));
  const { embedding } = packed.backbone;
  const step = (embeddingHeadroom * largest) / 32767;
  const spec: NetworkSpec = {
    input: packed.input,
    backbone: { ...packed.backbone, embedding: { ...embedding, step } },
    head: { ...packed.head, temperature },
    rule,
    ...(reading ? { reading } : {}),
  };
  const { calibration, latest, validation } = parts;
  // Very few rows may have none to calibrate on.
  const judged = calibration.labels.length > 0 ? calibration : validation;
  return {
    spec,
    metrics: evaluated(
      recipe,
      reading,
      { scores: scored(judged), labels: judged.labels },
      { scores: scored(latest), labels: latest.labels },
    ),
    calibrationScores: scored(calibration),
    latestScores: scored(latest),
    optimism,
  };
}

type Fitted = Pick<CertifiedRule, "rule" | "optimism"> & Calibration;

/** Fits the temperature on validation, and certifies on calibration and the latest rows. */
function certified(
  recipe: Recipe,
  { validation, calibration, latest }: Record<Exclude<Part, "train">, HeldOutLogits>,
  { window }: HeldOut,
): Fitted {
  const { labels, targetRisk, delta, perClass } = recipe;
  const fitted = fitCalibration(recipe, validation);
  const graded = (part: HeldOutLogits) => gradedBy(recipe, part, () => fitted);
  const judged = graded(validation);
  return {
    ...withIntervals(recipe, fitted, calibration),
    ...certifyRule(thresholdGrid(judged), graded(calibration), latest.labels.length > 0 ? graded(latest) : null, {
      ...{ targetRisk, delta, source: "truth", scope: "global", window, validation: judged },
      ...(perClass.length > 0 ? { classes: { labels, perClass } } : {}),
    }),
  };
}

/** Sets temperature and threshold on all held-out rows, each graded by a temperature that was fitted without its group. */
function started(recipe: Recipe, parts: Record<Exclude<Part, "train">, HeldOutLogits>, reason: string): Fitted {
  const { targetRisk, delta, perClass } = recipe;
  const all = Object.values(parts);
  const held: HeldOutLogits = {
    logits: all.flatMap(({ logits }) => logits),
    labels: all.flatMap(({ labels }) => labels),
    groups: all.flatMap(({ groups }) => groups),
  };
  const numbers = new Map([...new Set(held.groups)].sort().map((group, i) => [group, i % crossFits]));
  const foldOf = (row: number) => numbers.get(held.groups[row] as string) as number;
  const calibrations = Array.from({ length: crossFits }, (_, fold) => {
    const others = held.labels.flatMap((_, row) => (foldOf(row) === fold ? [] : [row]));
    return fitCalibration(recipe, {
      logits: others.map((row) => held.logits[row] as Float64Array),
      labels: others.map((row) => held.labels[row] as Label),
    });
  });
  const graded = gradedBy(recipe, held, (row) => calibrations[foldOf(row)] as Calibration);
  const grid = thresholdGrid(graded);
  return {
    ...withIntervals(recipe, fitCalibration(recipe, held), held),
    optimism: null,
    rule: {
      // Where classes have risks of their own, the overall error starts nothing.
      threshold: perClass.length > 0 ? acceptNothing : validationThreshold(grid, graded, targetRisk),
      strictest: grid[0] ?? acceptNothing,
      ...(perClass.length > 0 ? { classRisks: perClass } : {}),
      ...{ targetRisk, delta, certificate: null },
      uncertified: {
        status: "pending",
        reason: `${reason}; a region's own labels earn its certificate`,
        labels: held.labels.length,
        labelsNeeded: null,
      },
    },
  };
}
