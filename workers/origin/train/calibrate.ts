import { checkBlob } from "#core/artefacts.ts";
import { certifyRule, gradeAnswer, thresholdGrid } from "#core/confidence/rule.ts";
import type { Metrics, NetworkSpec } from "#core/contract/index.ts";
import { logitsOf, softmax } from "#core/head/head.ts";
import { evaluate } from "#core/head/metrics.ts";
import { fitTemperature } from "#core/head/temperature.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Recipe } from "../recipes/index.ts";
import { type Dataset, embedRows } from "./dataset.ts";
import type { Blobs, PackedNetwork } from "./pack.ts";
import type { DateRange } from "./rows.ts";

/** Rows that no network trains on. */
export interface HeldOut {
  validation: Dataset;
  calibration: Dataset;
  /** The days that the calibration rows span. */
  window: DateRange;
}

/** A network with its rule and certificate, and how it scores held-out rows. */
export interface CalibratedNetwork {
  spec: NetworkSpec;
  metrics: Metrics;
  /** Calibrated scores of each calibration row. */
  calibrationScores: Float64Array[];
}

/** Headroom of the int16 range above the largest embedding on validation rows. */
const embeddingHeadroom = 1.5;

/**
 * Fits a network's temperature and threshold grid on validation rows, and its accept rule with certificate on calibration
 * rows. Runs the network from its blobs, as the edge does.
 */
export async function calibrateNetwork(
  recipe: Recipe,
  packed: PackedNetwork,
  blobs: Blobs,
  { validation, calibration, window }: HeldOut,
): Promise<CalibratedNetwork> {
  const { targetRisk, delta } = recipe;
  const unproven = { threshold: 0, strictest: 0, targetRisk, delta, certificate: null, uncertified: null };
  const network = await loadNetwork(await tfjsEngine(), { ...packed, rule: unproven }, async (blob) =>
    checkBlob(blob, blobs.get(blob.sha256)?.buffer ?? null),
  );
  const { width } = network.head;
  const embed = (data: Dataset) => embedRows(network.backbone, data);
  const logits = (embeddings: Float32Array, rows: number) =>
    Array.from({ length: rows }, (_, row) => logitsOf(network.head, embeddings, row * width));
  const validationEmbeddings = embed(validation);
  const validationLogits = logits(validationEmbeddings, validation.rows);
  const temperature = fitTemperature(validationLogits, Array.from(validation.labels));
  const largest = validationEmbeddings.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const grid = thresholdGrid(
    validationLogits.map((row, i) => gradeAnswer(softmax(row, temperature), validation.labels[i] as number)),
  );
  const calibrationScores = logits(embed(calibration), calibration.rows).map((row) => softmax(row, temperature));
  network.backbone.release();
  const judged = calibrationScores.map((scores, i) => gradeAnswer(scores, calibration.labels[i] as number));
  const rule = certifyRule(grid, judged, { targetRisk, delta, source: "truth", scope: "global", window });
  const { embedding } = packed.backbone;
  const step = (embeddingHeadroom * largest) / 32767;
  const spec: NetworkSpec = {
    input: packed.input,
    backbone: { ...packed.backbone, embedding: { ...embedding, step } },
    head: { ...packed.head, temperature },
    rule,
  };
  return { spec, metrics: evaluate(calibrationScores, Array.from(calibration.labels)), calibrationScores };
}
