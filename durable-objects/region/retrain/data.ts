import { mayJudge } from "../../../workers/core/confidence/labels.ts";
import type { Manifest } from "../../../workers/core/contract/index.ts";
import type { FitData, LabelledRows } from "../../../workers/core/head/softmax-fit.ts";
import { limits } from "../../../workers/core/limits.ts";
import { readHead } from "../blobs.ts";
import type { RegionContext } from "../context.ts";
import type { LabelledVector } from "../embeddings.ts";
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

/** A run's snapshot of train and tune on its way into memory, a bounded number of rows at a time. */
export class RunLoader {
  private readonly vectors: LabelledVector[] = [];
  private data: RunData | null = null;

  /** The data once all of it is there; null while there is more to load. Certify is left alone. */
  async load({ env, embeddings }: RegionContext, manifest: Manifest, run: RunningRun): Promise<RunData | null> {
    if (this.data) return this.data;
    const after = this.vectors.at(-1)?.number ?? 0;
    const next = embeddings.labelled(run, manifest.thin.backbone.sha256, after, limits.loadSliceRows);
    this.vectors.push(...next);
    if (next.length === limits.loadSliceRows) return null;
    const global = await readHead(env, manifest.thin.head);
    const start = new Float32Array([...global.weights, ...global.bias].map((weight) => weight / global.temperature));
    // A label that a version no longer knows teaches nothing there.
    const known = this.vectors.filter(({ label }) => manifest.labels.includes(label));
    const train = known.filter(({ fold }) => fold === "train");
    const tune = known.filter(({ fold, source }) => fold === "tune" && mayJudge(source));
    this.data = {
      train: toRows(manifest, train),
      tune: toRows(manifest, tune),
      start,
      classes: manifest.labels.length,
    };
    return this.data;
  }
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
    parts: vectors.map(({ part }) => part),
    numbers: vectors.map(({ number }) => number),
    mayJudge: vectors.map(({ source }) => mayJudge(source)),
  };
}
