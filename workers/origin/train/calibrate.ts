import { checkBlob } from "#core/artefacts.ts";
import { type CertifiedRule, certifyRule, type Optimism } from "#core/confidence/certify.ts";
import {
  acceptNothing,
  type GroupedAnswer,
  scoreAnswer,
  thresholdGrid,
  validationThreshold,
} from "#core/confidence/rule.ts";
import type { Input, Metrics, NetworkSpec } from "#core/contract/index.ts";
import { logitsOf, softmax } from "#core/head/head.ts";
import { evaluate } from "#core/head/metrics.ts";
import { fitTemperature } from "#core/head/temperature.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Recipe } from "../recipes/index.ts";
import { type Dataset, embedRows, encodeRows } from "./dataset.ts";
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
 * Fits a network's temperature and threshold grid on validation rows, and its accept rule with certificate on the groups of
 * the calibration rows and of the latest rows. Where there are too few groups to certify, all held-out rows set temperature
 * and threshold by cross-fitting. Runs the network from its blobs, as the edge does.
 */
export async function calibrateNetwork(
  recipe: Recipe,
  packed: PackedNetwork,
  blobs: Blobs,
  heldOut: HeldOut,
): Promise<CalibratedNetwork> {
  const { targetRisk, delta } = recipe;
  const unproven = { threshold: 0, strictest: 0, targetRisk, delta, certificate: null, uncertified: null };
  const network = await loadNetwork(await tfjsEngine(), { ...packed, rule: unproven }, async (blob) =>
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
      labels: Array.from(data.labels),
      groups: heldOut.groups[part],
    };
  };
  const parts = { validation: held("validation"), calibration: held("calibration"), latest: held("latest") };
  network.backbone.release();
  const fitted =
    heldOut.uncertifiable === null ? certified(recipe, parts, heldOut) : started(recipe, parts, heldOut.uncertifiable);
  const { temperature, rule, optimism } = fitted;
  const scored = ({ logits }: HeldOutLogits) => logits.map((row) => softmax(row, temperature));
  const { embedding } = packed.backbone;
  const step = (embeddingHeadroom * largest) / 32767;
  const spec: NetworkSpec = {
    input: packed.input,
    backbone: { ...packed.backbone, embedding: { ...embedding, step } },
    head: { ...packed.head, temperature },
    rule,
  };
  const { calibration, latest, validation } = parts;
  // Very few rows may have none to calibrate on.
  const judged = calibration.labels.length > 0 ? calibration : validation;
  return {
    spec,
    metrics: evaluate(scored(judged), judged.labels),
    calibrationScores: scored(calibration),
    latestScores: scored(latest),
    optimism,
  };
}

/** Logits of held-out rows, with the class and the group key of each. */
interface HeldOutLogits {
  logits: Float64Array[];
  labels: number[];
  groups: string[];
}

type Fitted = Pick<CertifiedRule, "rule" | "optimism"> & { temperature: number };

/** Fits the temperature on validation, and certifies on calibration and the latest rows. */
function certified(
  { labels, targetRisk, delta, perClass }: Recipe,
  { validation, calibration, latest }: Record<Exclude<Part, "train">, HeldOutLogits>,
  { window }: HeldOut,
): Fitted {
  const temperature = fitTemperature(validation.logits, validation.labels);
  const graded = (part: HeldOutLogits) => gradedBy(part, () => temperature);
  const judged = graded(validation);
  return {
    temperature,
    ...certifyRule(thresholdGrid(judged), graded(calibration), latest.labels.length > 0 ? graded(latest) : null, {
      ...{ targetRisk, delta, source: "truth", scope: "global", window, validation: judged },
      ...(perClass.length > 0 ? { classes: { labels, perClass } } : {}),
    }),
  };
}

/** Sets temperature and threshold on all held-out rows, each graded by a temperature that was fitted without its group. */
function started(
  { targetRisk, delta, perClass }: Recipe,
  parts: Record<Exclude<Part, "train">, HeldOutLogits>,
  reason: string,
): Fitted {
  const all = Object.values(parts);
  const held: HeldOutLogits = {
    logits: all.flatMap(({ logits }) => logits),
    labels: all.flatMap(({ labels }) => labels),
    groups: all.flatMap(({ groups }) => groups),
  };
  const numbers = new Map([...new Set(held.groups)].sort().map((group, i) => [group, i % crossFits]));
  const foldOf = (row: number) => numbers.get(held.groups[row] as string) as number;
  const temperatures = Array.from({ length: crossFits }, (_, fold) => {
    const others = held.labels.flatMap((_, row) => (foldOf(row) === fold ? [] : [row]));
    return fitTemperature(
      others.map((row) => held.logits[row] as Float64Array),
      others.map((row) => held.labels[row] as number),
    );
  });
  const graded = gradedBy(held, (row) => temperatures[foldOf(row)] as number);
  const grid = thresholdGrid(graded);
  return {
    temperature: fitTemperature(held.logits, held.labels),
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

function gradedBy({ logits, labels, groups }: HeldOutLogits, temperatureOf: (row: number) => number): GroupedAnswer[] {
  return logits.map((own, row) => ({
    ...scoreAnswer(softmax(own, temperatureOf(row)), labels[row] as number),
    group: groups[row] as string,
  }));
}
