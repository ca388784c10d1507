import { anchorFewLabels } from "#core/confidence/anchor.ts";
import { mayJudge } from "#core/confidence/labels.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { type Anchor, decodeAnchor } from "#core/head/anchor.ts";
import type { Label } from "#core/head/label.ts";
import type { FitData, LabelledRows } from "#core/head/softmax-fit.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import { readHead } from "../artefacts.ts";
import type { Influence } from "../labels/influence.ts";
import type { Embeddings, LabelledVector } from "../tables/embeddings.ts";
import type { RunningRun } from "../tables/runs.ts";
import { loadSliceRows } from "./slices.ts";

const noFold = -1;

/** Labelled rows with the numbers of their samples. Rows of the anchor have number 0. */
export interface SampleRows extends LabelledRows {
  numbers: number[];
  /** Whether a row's label may judge a head. */
  mayJudge: boolean[];
  /** The revision in which each row's sample changed last. */
  revisions: number[];
  /** Who gave each row's label, where it is not trusted; null otherwise. */
  untrustedOwners: (string | null)[];
}

/** What a run learns from. */
export interface RunData extends FitData {
  /** The region's own rows, of all splits where the run cross-fits; then rows of the anchor for classes with few labels. */
  train: SampleRows;
  /** Held out. Empty where the run cross-fits: then the rows of train judge, each by the head that has not seen it. */
  validation: SampleRows;
  anchor: Anchor | null;
  crossFits: boolean;
  /** The region's own trusted labels of each class, of those that train and judge. */
  ownLabels: number[];
  /** The names of the classes. */
  labels: readonly string[];
  task: Task;
}

/** Loads what a run learns from and judges by into memory, a bounded number of rows at a time. */
export class RunLoader {
  private readonly train: SampleRows[] = [];
  private readonly validation: SampleRows[] = [];
  private after = 0;
  private data: RunData | null = null;

  private readonly embeddings: Pick<Embeddings, "labelled">;
  private readonly influence: Pick<Influence, "leftOut">;
  private readonly readBlob: ReadBlob;
  private readonly crossFits: boolean;

  constructor(
    embeddings: Pick<Embeddings, "labelled">,
    influence: Pick<Influence, "leftOut">,
    readBlob: ReadBlob,
    crossFits: boolean,
  ) {
    this.embeddings = embeddings;
    this.influence = influence;
    this.readBlob = readBlob;
    this.crossFits = crossFits;
  }

  /** Loads the next rows. Returns the data once it is complete, null until then. `calibration` is only read to cross-fit. */
  async load(manifest: ClassifyManifest, run: RunningRun): Promise<RunData | null> {
    if (this.data) return this.data;
    const { crossFits } = this;
    const page = { after: this.after, limit: loadSliceRows, left: this.influence.leftOut(run), crossFits };
    const next = this.embeddings.labelled(run, manifest.thin.backbone.sha256, page);
    this.after = next.at(-1)?.number ?? this.after;
    // The version may not have a label that an earlier one had.
    const task = taskOf(manifest);
    const known = next.filter(({ label }) => task.parse(label) !== null);
    const trains = ({ split }: LabelledVector) => crossFits || split === "train";
    const judging = known.filter((vector) => !trains(vector) && judges(vector));
    this.train.push(toRows(manifest, known.filter(trains)));
    this.validation.push(toRows(manifest, judging));
    if (next.length === loadSliceRows) return null;
    this.data = await this.complete(manifest);
    return this.data;
  }

  private async complete(manifest: ClassifyManifest): Promise<RunData> {
    const global = await readHead(this.readBlob, manifest.thin.head);
    const start = new Float32Array([...global.weights, ...global.bias].map((weight) => weight / global.temperature));
    const anchor = await readAnchor(this.readBlob, manifest);
    const ownLabels = manifest.labels.map((_, label) =>
      [...this.train, ...this.validation].reduce(
        (sum, { labels, untrustedOwners }) =>
          sum + labels.filter((own, row) => own === label && untrustedOwners[row] === null).length,
        0,
      ),
    );
    const train = anchor ? [...this.train, anchorRows(anchor, ownLabels)] : this.train;
    return {
      train: joined(train),
      validation: joined(this.validation),
      start,
      classes: manifest.labels.length,
      crossFits: this.crossFits,
      anchor,
      ownLabels,
      labels: manifest.labels,
      task: taskOf(manifest),
    };
  }
}

async function readAnchor(readBlob: ReadBlob, { anchor, thin }: ClassifyManifest): Promise<Anchor | null> {
  const { width, step } = thin.backbone.embedding;
  return anchor && decodeAnchor(await readBlob(anchor.blob), width, step);
}

// A region with labels of one class only would predict that class always. For each other class, rows of the anchor count as
// the labels that would let the region unlearn it. They never judge, and no fold leaves them out.
function anchorRows({ inputs, labels }: Anchor, ownLabels: readonly number[]): SampleRows {
  const chosen = labels.flatMap((label, row) => ((ownLabels[label] as number) < anchorFewLabels ? [row] : []));
  const width = inputs.length / labels.length;
  const own = new Float32Array(chosen.length * width);
  for (const [i, row] of chosen.entries()) own.set(inputs.subarray(row * width, (row + 1) * width), i * width);
  const ofClass = labels.map((label) => labels.filter((other) => other === label).length);
  return {
    rows: chosen.length,
    inputs: own,
    labels: chosen.map((row) => labels[row] as number),
    weights: Float32Array.from(chosen, (row) => anchorFewLabels / (ofClass[row] as number)),
    groupKeys: chosen.map(() => "anchor"),
    folds: chosen.map(() => noFold),
    numbers: chosen.map(() => 0),
    mayJudge: chosen.map(() => false),
    revisions: chosen.map(() => 0),
    untrustedOwners: chosen.map(() => null),
  };
}

function joined(blocks: readonly SampleRows[]): SampleRows {
  return {
    rows: blocks.reduce((sum, { rows }) => sum + rows, 0),
    inputs: joinedFloats(blocks.map(({ inputs }) => inputs)),
    labels: blocks.flatMap(({ labels }) => labels),
    weights: joinedFloats(blocks.map(({ weights }) => weights)),
    groupKeys: blocks.flatMap(({ groupKeys }) => groupKeys),
    folds: blocks.flatMap(({ folds: own }) => own),
    numbers: blocks.flatMap(({ numbers }) => numbers),
    mayJudge: blocks.flatMap(({ mayJudge: own }) => own),
    revisions: blocks.flatMap(({ revisions }) => revisions),
    untrustedOwners: blocks.flatMap(({ untrustedOwners }) => untrustedOwners),
  };
}

function joinedFloats(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

function toRows(manifest: ClassifyManifest, vectors: LabelledVector[]): SampleRows {
  const { thin, policy } = manifest;
  const task = taskOf(manifest);
  const { width, step } = thin.backbone.embedding;
  const inputs = new Float32Array(vectors.length * (width + 1));
  for (const [row, { vector }] of vectors.entries()) {
    for (let i = 0; i < width; i++) inputs[row * (width + 1) + i] = (vector[i] as number) * step;
    inputs[row * (width + 1) + width] = 1;
  }
  return {
    rows: vectors.length,
    inputs,
    labels: vectors.map(({ label }) => task.labelOf(label) as Label),
    weights: Float32Array.from(vectors, ({ source }) => (source === "origin" ? policy.originLabelWeight : 1)),
    groupKeys: vectors.map(({ groupKey }) => groupKey),
    folds: vectors.map(({ fold }) => fold),
    numbers: vectors.map(({ number }) => number),
    mayJudge: vectors.map(judges),
    revisions: vectors.map(({ revision }) => revision),
    untrustedOwners: vectors.map(({ untrustedOwner }) => untrustedOwner),
  };
}

function judges({ source, untrustedOwner }: LabelledVector): boolean {
  return mayJudge(source) && untrustedOwner === null;
}

/** How many rows are the region's own, with trusted labels. */
export function ownRows({ numbers, untrustedOwners }: SampleRows): number {
  return numbers.filter((number, row) => number > 0 && untrustedOwners[row] === null).length;
}
