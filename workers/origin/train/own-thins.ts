import { harmMargin } from "#core/confidence/gate.ts";
import { type OwnThin, type OwnThinKind, ownThinKinds } from "#core/contract/index.ts";
import { widestEmbedding } from "#core/head/widest.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { accuracyOn, compareVersions, type NetworkSource } from "../learn/compare.ts";
import type { HeldOutRows } from "../learn/unseen.ts";
import type { LayerPlan, OwnThinPlan, Recipe } from "../recipes/index.ts";
import { scaled } from "../thin/scaled.ts";
import { estimateEscalation } from "./escalation.ts";
import { buildNetwork } from "./network.ts";
import { type Blobs, bytesOf, packNetwork } from "./pack.ts";
import { packRegionalParts } from "./regional-parts.ts";
import { readFrom } from "./score.ts";
import type { RowsBySplit } from "./splits.ts";
import { type EncodedSplits, type NetworkTraining, type TrainedNetwork, trainNetwork } from "./train-network.ts";

/** Factors on the widths of thin's layers, the largest first. */
const widths = [8, 6, 4, 3, 2, 1.5, 1.25, 1, 0.75, 0.5, 0.375, 0.25, 0.125] as const;

/** Whether the thin network of a kind of rung is published, and why. */
export interface OwnThinVerdict {
  kind: OwnThinKind;
  promoted: boolean;
  reason: string;
  /** Bytes to transfer; null where no form of it is small enough. */
  bytes: number | null;
}

/** The thin networks of other kinds of rungs that may be published, the verdict on each, and how they were trained. */
export interface OwnThins {
  thins: { [K in OwnThinKind]?: OwnThin };
  verdicts: OwnThinVerdict[];
  trained: { kind: OwnThinKind; network: TrainedNetwork }[];
}

/** What the thin networks of other kinds of rungs are trained with, and judged beside. */
export interface OwnThinNeeds {
  splits: RowsBySplit;
  full: TrainedNetwork;
  thin: TrainedNetwork;
  blobs: Blobs;
  encode: (plan: OwnThinPlan) => EncodedSplits;
  training: (kind: OwnThinKind, left: number) => NetworkTraining;
}

/** Trains the thin networks of other kinds of rungs as thin is trained, and judges each. */
export async function trainOwnThins(recipe: Recipe, needs: OwnThinNeeds): Promise<OwnThins> {
  const { blobs, splits, full, thin } = needs;
  const found: OwnThins = { thins: {}, verdicts: [], trained: [] };
  const kinds = ownThinKinds.filter((kind) => recipe.thins[kind]);
  for (const [i, kind] of kinds.entries()) {
    const plan = recipe.thins[kind] as OwnThinPlan;
    const encoded = needs.encode(plan);
    const layers = await layersWithin(recipe, plan, encoded);
    if (!layers) {
      const reason = `no width of thin's layers fits ${plan.bytes} bytes: raise networks.${kind}.bytes, or give its layers`;
      found.verdicts.push({ kind, promoted: false, reason, bytes: null });
      continue;
    }
    const form = { ...plan, layers, rivals: plan.rivals.map((rival) => ({ ...rival, layers })) };
    const own: Blobs = new Map();
    const training = { ...needs.training(kind, kinds.length - i), blobs: own };
    const network = await trainNetwork(recipe, form, encoded, training);
    const read = readFrom(own);
    const heldOut = { rows: splits.validation, groups: splits.groups.validation };
    const rivals = {
      thin: { spec: thin.spec, read: readFrom(blobs) },
      full: { spec: full.spec, read: readFrom(blobs) },
    };
    const fault = await faultOf(recipe, plan.bytes, heldOut, { spec: network.spec, read }, rivals);
    const bytes = bytesOf(network.spec);
    found.verdicts.push({ kind, promoted: fault === null, reason: fault ?? "it passed its gate", bytes });
    found.trained.push({ kind, network });
    if (fault !== null) continue;
    const loaded = await loadNetwork(servingEngine, network.spec, read);
    loaded.release();
    found.thins[kind] = {
      network: network.spec,
      memoryBytes: loaded.bytes,
      ...(await packRegionalParts(network.spec, own, encoded.data, encoded.heldOut.calibration)),
      escalation: estimateEscalation(recipe, splits, { thin: network, full }),
      metrics: network.metrics,
    };
    for (const [sha256, blob] of own) blobs.set(sha256, blob);
  }
  return found;
}

/**
 * Compares the thin network of a kind of rung with that of the version in use, on rows that neither was trained on. Returns
 * what may be worse; null where it is surely not worse by more than the gate's margin.
 */
export async function laterFault(
  recipe: Recipe,
  unseen: HeldOutRows,
  current: NetworkSource,
  candidate: NetworkSource,
): Promise<string | null> {
  const { promoted, bound, reason } = await compareVersions(recipe, unseen, current, candidate);
  return promoted || bound <= harmMargin ? null : reason;
}

/** Returns why a network is not published for its kind of rung; null where it may be. */
async function faultOf(
  recipe: Recipe,
  bytesMax: number | null,
  heldOut: HeldOutRows,
  own: NetworkSource,
  { thin, full }: Record<"thin" | "full", NetworkSource>,
): Promise<string | null> {
  const bytes = bytesOf(own.spec);
  if (bytesMax !== null && bytes > bytesMax) {
    return `it has ${bytes} bytes, and the recipe allows ${bytesMax}: give it fewer units`;
  }
  const { accuracy: lostMax } = recipe.budget;
  if (lostMax !== null) {
    const [ofFull, ofOwn] = [await accuracyOn(recipe, full, heldOut.rows), await accuracyOn(recipe, own, heldOut.rows)];
    const lost = (ofFull - ofOwn).toFixed(3);
    if (ofFull - ofOwn > lostMax) {
      return `it loses ${lost} of accuracy against full, and budget.accuracy allows ${lostMax}: give it more bytes`;
    }
  }
  // A smaller network is for a rung that can't run thin. A larger one must be better than what its rung would run without it.
  if (bytes <= bytesOf(thin.spec)) return null;
  const { promoted, reason } = await compareVersions(recipe, heldOut, thin, own, "the version's thin");
  return promoted ? null : reason;
}

/** Chooses the layers of a network: its own, or the widest form of thin's that fits its bytes; null where none does. */
async function layersWithin(
  recipe: Recipe,
  plan: OwnThinPlan,
  { input, data }: EncodedSplits,
): Promise<readonly LayerPlan[] | null> {
  if (!plan.isScaled || plan.bytes === null) return plan.layers;
  const classes = recipe.labels.length;
  for (const width of widths) {
    const layers = scaled(plan.layers, width);
    const shape = { ...plan, layers, shapes: data.shapes, buckets: data.buckets, classes, seed: recipe.training.seed };
    const network = buildNetwork(shape);
    const packed = await packNetwork(network, input, new Map(), plan.weights);
    network.dispose();
    if (bytesOf(packed) <= plan.bytes && packed.head.width <= widestEmbedding(classes)) return layers;
  }
  return null;
}
