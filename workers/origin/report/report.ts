import type { Optimism } from "#core/confidence/certify.ts";
import type { EscalationEstimate, Metrics, NumberTask, Reading } from "#core/contract/index.ts";
import type { Label } from "#core/head/label.ts";
import { balancedAccuracyOf, rareClassPrecision } from "#core/head/metrics.ts";
import { taskOf } from "#core/task/index.ts";
import type { EpochRecord } from "../train/checkpoint.ts";
import type { ChosenScale } from "../train/choose-scale.ts";
import type { OwnThinVerdict } from "../train/own-thins.ts";
import type { SplitReport } from "../train/splits.ts";
import type { TrainedNetwork } from "../train/train-network.ts";
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
export interface NetworkResult extends Pick<TrainedNetwork, "kind" | "candidates"> {
  name: string;
  history: EpochRecord[];
  /** Training time, interruptions excluded. */
  seconds: number;
  /** Bytes to transfer: backbone and head in their stored form. */
  bytes: number;
  /** How much worse the latest rows are than the calibration rows; null without latest rows. */
  optimism: Optimism | null;
  scores: readonly Float64Array[];
  /** How scores are read as numbers; absent in classifiers. */
  reading?: Reading;
}

/** The result of a training. */
export interface TrainingResult {
  model: string;
  labels: string[];
  /** Of a model of numbers. */
  number?: NumberTask;
  /** The backend that trained, with its adapter. */
  backend: string;
  seed: number;
  targetRisk: number;
  /** Rows that were trained on, by source and region. */
  trainedOn: { rows: number; sources: Record<string, number>; regions: Record<string, number> };
  networks: NetworkResult[];
  /** Whether the thin networks of other kinds of rungs are published; absent where the recipe asks for none. */
  thins?: OwnThinVerdict[];
  /** How the numbers of a table are scaled; null where the recipe says it, or there are none. */
  scale: ChosenScale | null;
  /** How the rows were split, and whether full is better than thin on what thin would escalate. */
  splits: SplitReport;
  escalation: EscalationEstimate;
  /** The label and the region of each held-out row. */
  truths: readonly Label[];
  regions: readonly string[];
}

/** The report on one network. */
export interface NetworkReport extends Omit<NetworkResult, "scores" | "reading"> {
  metrics: Metrics;
  /** For the rarer of two classes; null for more classes, and without rows of it. */
  averagePrecision: number | null;
  /** The mean recall of the classes; null without rows. */
  balancedAccuracy: number | null;
  /** Null, and no classes, where numbers are predicted. */
  confusion: Confusion | null;
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
  { scores, reading, ...network }: NetworkResult,
  { labels, number, truths, regions, targetRisk }: Omit<TrainingResult, "networks">,
): Promise<NetworkReport> {
  const task = taskOf({ labels, number });
  const confusion = number ? null : confusionOf(labels, scores, truths as readonly number[]);
  const graded = truths.map((truth, i) => task.grade(scores[i] as Float64Array, truth, reading));
  const calibration = reliabilityOf(graded);
  const risk = riskCurve(graded);
  const rows = Map.groupBy(truths.keys(), (row) => regions[row] as string);
  const metricsOf = (indexes: readonly number[]) =>
    task.evaluate(
      indexes.map((row) => scores[row] as Float64Array),
      indexes.map((row) => truths[row] as Label),
      // Its intervals were set by these rows.
      reading && { ...reading, reach: null },
    );
  return {
    ...{ ...network, confusion, calibration, risk, classes: confusion ? classMeasures(confusion) : [] },
    averagePrecision: number ? null : rareClassPrecision(scores, truths as readonly number[]),
    balancedAccuracy: confusion && balancedAccuracyOf(confusion.counts),
    metrics: metricsOf([...truths.keys()]),
    byRegion: Object.fromEntries([...rows].sort().map(([region, own]) => [region, metricsOf(own)])),
    charts: {
      loss: await lossChart(network.history),
      ...(confusion ? { confusion: await confusionChart(confusion) } : {}),
      calibration: await calibrationChart(calibration),
      risk: await riskChart(risk, targetRisk),
    },
  };
}
