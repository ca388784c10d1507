import { gzipSync } from "node:zlib";
import type { NetworkSpec } from "#core/contract/index.ts";
import { taskOf } from "#core/task/index.ts";
import { type BackendChoice, startTraining } from "../backend/index.ts";
import type { Budget, NetworkPlan, Recipe, WeightType } from "../recipes/index.ts";
import type { Checkpoints } from "../train/checkpoint.ts";
import { labelsOf } from "../train/dataset.ts";
import { estimateEscalation } from "../train/escalation.ts";
import type { FitProgress } from "../train/fit-progress.ts";
import { type Artefact, flatten } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import { type Blobs, bytesOf } from "../train/pack.ts";
import { packRegionalParts } from "../train/regional-parts.ts";
import { readFrom, scoreDataset } from "../train/score.ts";
import type { RowsBySplit } from "../train/splits.ts";
import { type EncodedSplits, encodeWith, type TrainedNetwork, trainNetwork } from "../train/train-network.ts";
import { questionMs } from "./cost.ts";
import { scaled } from "./scaled.ts";

/** A thin network that was trained, its cost, and its quality on validation rows. */
export interface ThinCandidate {
  width: number;
  prune: number;
  weights: WeightType;
  /** Bytes as stored, and after compression by a server. */
  bytes: number;
  gzippedBytes: number;
  /** Milliseconds for one question on the edge's engine, on this machine. */
  ms: number;
  accuracy: number;
  logLoss: number;
}

export interface SearchOptions {
  /** Factors on the widths of the recipe's layers. */
  widths: readonly number[];
  /** Shares of each kernel's weights that are pruned. */
  prunes: readonly number[];
  weights: readonly WeightType[];
  backend: BackendChoice;
  checkpoints: Checkpoints;
  onProgress?: (done: number, total: number, note: string) => void;
}

/** What a search found. */
export interface SearchResult {
  candidates: ThinCandidate[];
  /** Full's quality on the same rows. */
  full: { accuracy: number; logLoss: number };
  /** Makes a candidate the artefact's thin network. */
  adopt: (candidate: ThinCandidate) => Promise<Artefact>;
}

/**
 * Trains thin networks of several widths, pruning shares and weight types, each distilled from the artefact's full
 * network. One training serves all weight types of a width and a pruning share. Candidates are compared on validation
 * rows; the calibration rows are kept for the chosen one.
 */
export async function searchThin(
  given: Recipe,
  splits: RowsBySplit,
  artefact: Artefact,
  { widths, prunes, weights, backend: choice, checkpoints, onProgress }: SearchOptions,
): Promise<SearchResult> {
  const { draft } = artefact;
  const recipe = withBins(given, [], draft);
  if (!draft.full) {
    const next = `Train one with 'npx upriver train ${draft.model}'.`;
    throw new Error(`'${draft.model}' has no full network to distil thin networks from. ${next}`);
  }
  const backend = await startTraining(choice);
  const read = readFrom(artefact.blobs);
  // With the inputs of the version: its scales were chosen when it was trained.
  const forFull = encodeWith(recipe, draft.full.input, splits);
  const teacher = flatten(await scoreDataset(draft.full, read, forFull.data));
  const full = measured(recipe, draft.full, await scoreDataset(draft.full, read, forFull.heldOut.validation), forFull);
  const fullOnHeldOut = {
    spec: draft.full,
    calibrationScores: await scoreDataset(draft.full, read, forFull.heldOut.calibration),
    latestScores: await scoreDataset(draft.full, read, forFull.heldOut.latest),
  };
  const encoded = encodeWith(recipe, draft.thin.input, splits);
  const trained = new Map<ThinCandidate, { network: TrainedNetwork; blobs: Blobs }>();
  const trainings = widths.flatMap((width) => prunes.map((prune) => ({ width, prune })));
  for (const [i, { width, prune }] of trainings.entries()) {
    for (const weightType of weights) {
      const blobs: Blobs = new Map();
      const note = `width ×${width}, ${Math.round(100 * prune)}% pruned`;
      const plan: NetworkPlan = {
        ...recipe.thin,
        rivals: [],
        layers: scaled(recipe.thin.layers, width),
        prune,
        weights: weightType,
      };
      // The name is that of the finished checkpoint: a width is trained once, and once more for each pruning share.
      const network = await trainNetwork(recipe, plan, encoded, {
        ...{ name: `thin-${width}`, backend, blobs, teacher, checkpoints },
        onProgress: (now: FitProgress) =>
          onProgress?.(i + (now.epoch - 1 + now.share) / now.epochs, trainings.length, note),
      });
      const candidate = await evaluateCandidate(recipe, network, blobs, encoded, { width, prune, weights: weightType });
      trained.set(candidate, { network, blobs });
    }
    onProgress?.(i + 1, trainings.length, "");
  }
  const adopt = async (candidate: ThinCandidate): Promise<Artefact> => {
    const { network, blobs } = trained.get(candidate) as { network: TrainedNetwork; blobs: Blobs };
    const all: Blobs = new Map([...artefact.blobs, ...blobs]);
    const parts = await packRegionalParts(network.spec, all, encoded.data, encoded.heldOut.calibration);
    const metrics = { ...draft.metrics, thin: network.metrics };
    const escalation = estimateEscalation(recipe, splits, { thin: network, full: fullOnHeldOut });
    return {
      draft: { ...draft, thin: network.spec, ...parts, metrics, splits: splits.splits, escalation },
      blobs: all,
    };
  };
  return { candidates: [...trained.keys()], full, adopt };
}

/** Returns the candidates that no other beats in both bytes and accuracy, the smallest first. */
export function frontierOf(candidates: readonly ThinCandidate[]): ThinCandidate[] {
  const bySize = [...candidates].sort((a, b) => a.bytes - b.bytes || b.accuracy - a.accuracy);
  let best = Number.NEGATIVE_INFINITY;
  return bySize.filter(({ accuracy }) => {
    if (accuracy <= best) return false;
    best = accuracy;
    return true;
  });
}

/** Returns the most accurate candidate within a budget; null when there is none. */
export function chooseWithin(
  candidates: readonly ThinCandidate[],
  budget: Budget,
  full: { accuracy: number },
): ThinCandidate | null {
  const within = candidates.filter(({ bytes, ms, accuracy }) => {
    const { bytes: bytesMax, ms: msMax, accuracy: lossMax } = budget;
    if (bytesMax !== null && bytes > bytesMax) return false;
    if (msMax !== null && ms > msMax) return false;
    return lossMax === null || full.accuracy - accuracy <= lossMax;
  });
  return within.sort((a, b) => b.accuracy - a.accuracy || a.bytes - b.bytes)[0] ?? null;
}

async function evaluateCandidate(
  recipe: Recipe,
  { spec }: TrainedNetwork,
  blobs: Blobs,
  encoded: EncodedSplits,
  form: Pick<ThinCandidate, "width" | "prune" | "weights">,
): Promise<ThinCandidate> {
  const { accuracy, logLoss } = measured(
    recipe,
    spec,
    await scoreDataset(spec, readFrom(blobs), encoded.heldOut.validation),
    encoded,
  );
  const { validation } = encoded.heldOut;
  const used = [spec.backbone.topology, ...spec.backbone.shards, spec.head.blob];
  const gzippedBytes = used.reduce((sum, { sha256 }) => sum + gzipSync(blobs.get(sha256) as Uint8Array).length, 0);
  return {
    ...form,
    bytes: bytesOf(spec),
    gzippedBytes,
    ms: await questionMs(spec, readFrom(blobs), validation.rows, (row) => validation.values.read([row])),
    accuracy,
    logLoss,
  };
}

function measured(
  recipe: Recipe,
  { reading }: Pick<NetworkSpec, "reading">,
  scores: Float64Array[],
  { heldOut: { validation } }: EncodedSplits,
) {
  const { accuracy, logLoss } = taskOf(recipe).evaluate(scores, labelsOf(validation), reading);
  return { accuracy, logLoss };
}
