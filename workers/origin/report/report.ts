import type { Metrics } from "#core/contract/index.ts";
import { evaluate } from "#core/head/metrics.ts";
import type { EpochRecord } from "../train/checkpoint.ts";
import { calibrationChart, confusionChart, lossChart, riskChart } from "./charts.ts";
import {
  type ClassMeasures,
  type Confusion,
  classMeasures,
  confusionOf,
  type ReliabilityCurve,
  type RiskPoint,
  reliabilityOf,
  riskCurve,
} from "./measures.ts";

/** A trained network, and its scores of held-out rows. */
export interface NetworkResult {
  name: string;
  history: EpochRecord[];
  /** Training time, interruptions excluded. */
  seconds: number;
  /** Bytes to transfer: backbone and head in their stored form. */
  bytes: number;
  scores: readonly Float64Array[];
}

/** The result of a training. */
export interface TrainingResult {
  model: string;
  labels: readonly string[];
  /** The backend that trained, with its adapter. */
  backend: string;
  seed: number;
  targetRisk: number;
  /** Rows that were trained on, by source and region. */
  trainedOn: { rows: number; sources: Record<string, number>; regions: Record<string, number> };
  networks: NetworkResult[];
  /** The class and the region of each held-out row. */
  truths: readonly number[];
  regions: readonly string[];
}

/** The report on one network. */
export interface NetworkReport extends Omit<NetworkResult, "scores"> {
  metrics: Metrics;
  confusion: Confusion;
  classes: ClassMeasures[];
  calibration: ReliabilityCurve;
  risk: RiskPoint[];
  byRegion: Record<string, Metrics>;
  /** Charts as SVG, by name. */
  charts: Record<string, string>;
}

export interface TrainingReport extends Omit<TrainingResult, "networks" | "truths"> {
  heldOut: number;
  networks: NetworkReport[];
}

/** Measures every network on the held-out rows and draws the charts. */
export async function reportOn({ networks, truths, ...result }: TrainingResult): Promise<TrainingReport> {
  const reports = await Promise.all(networks.map((network) => measure(network, { ...result, truths })));
  return { ...result, heldOut: truths.length, networks: reports };
}

async function measure(
  { scores, ...network }: NetworkResult,
  { labels, truths, regions, targetRisk }: Omit<TrainingResult, "networks">,
): Promise<NetworkReport> {
  const confusion = confusionOf(labels, scores, truths);
  const calibration = reliabilityOf(scores, truths);
  const risk = riskCurve(scores, truths);
  const rows = Map.groupBy(truths.keys(), (row) => regions[row] as string);
  const metricsOf = (indexes: readonly number[]) =>
    evaluate(
      indexes.map((row) => scores[row] as Float64Array),
      indexes.map((row) => truths[row] as number),
    );
  return {
    ...{ ...network, confusion, calibration, risk, classes: classMeasures(confusion) },
    metrics: metricsOf([...truths.keys()]),
    byRegion: Object.fromEntries([...rows].sort().map(([region, own]) => [region, metricsOf(own)])),
    charts: {
      loss: await lossChart(network.history),
      confusion: await confusionChart(confusion),
      calibration: await calibrationChart(calibration),
      risk: await riskChart(risk, targetRisk),
    },
  };
}
