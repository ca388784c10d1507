import { mayJudge } from "../../../workers/core/confidence/labels.ts";
import type { Manifest } from "../../../workers/core/contract/index.ts";
import type { FitData, LabelledRows } from "../../../workers/core/head/softmax-fit.ts";
import { readHead } from "../blobs.ts";
import type { RegionContext } from "../context.ts";
import type { LabelledVector } from "../samples.ts";
import type { RunningRun } from "./runs.ts";

/** Rows, and what is known of each sample besides. */
export interface SampleRows extends LabelledRows {
  numbers: number[];
  /** Whether a row's label may judge a head. */
  mayJudge: boolean[];
}

/** What a run learns from. */
export interface RunData extends FitData {
  train: SampleRows;
  tune: SampleRows;
}

/** Reads a run's snapshot of train and tune, each sample once; certify is left alone. */
export async function loadRunData(
  { env, samples }: RegionContext,
  manifest: Manifest,
  run: RunningRun,
): Promise<RunData> {
  const { backbone, head } = manifest.thin;
  const global = await readHead(env, head);
  const start = new Float32Array([...global.weights, ...global.bias].map((weight) => weight / global.temperature));
  // A label that a version no longer knows teaches nothing there.
  const known = ({ label }: LabelledVector) => manifest.labels.includes(label);
  const train = samples.vectors(run, "train", backbone.sha256).filter(known);
  const tune = samples.vectors(run, "tune", backbone.sha256).filter((row) => known(row) && mayJudge(row.source));
  return { train: toRows(manifest, train), tune: toRows(manifest, tune), start, classes: manifest.labels.length };
}

function toRows({ labels, thin, policy }: Manifest, vectors: LabelledVector[]): SampleRows {
  const { width, step } = thin.backbone.embedding;
  const inputs = new Float32Array(vectors.length * (width + 1));
  for (const [row, { vector }] of vectors.entries()) {
    for (let i = 0; i < width; i++) inputs[row * (width + 1) + i] = (vector[i] as number) * step;
    inputs[row * (width + 1) + width] = 1;
  }
  return {
    rows: vectors.length,
    inputs,
    labels: vectors.map(({ label }) => labels.indexOf(label)),
    weights: Float32Array.from(vectors, ({ source }) => (source === "origin" ? policy.originLabelWeight : 1)),
    splits: vectors.map(({ split }) => split),
    numbers: vectors.map(({ number }) => number),
    mayJudge: vectors.map(({ source }) => mayJudge(source)),
  };
}
