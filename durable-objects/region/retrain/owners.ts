import { type LeftOut, ownersToLeaveOut, withoutOwner } from "#core/confidence/owners.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { type RidgeSettings, SingularSumsError } from "#core/head/analytic.ts";
import { labelWeightUnit } from "#core/head/sums.ts";
import { type FoldRow, type Solver, solveHeads } from "./analytic.ts";
import {
  type Candidate,
  type ComparedRow,
  type CurrentHead,
  calibrateOn,
  compareHeads,
  mixWithGlobal,
} from "./candidates.ts";
import { ownRows, type RunData } from "./data.ts";

/** Settings of the analytic head where no candidate has chosen any. */
const usualRidge: RidgeSettings = { tau: 100, lambda: 10 };

/** Stands for all owners among those that a person has accepted. */
export const everyOwner = "*";

/** Whose labels decide a promotion, and what is said of the candidate without those of the first. */
export interface Deciding {
  owners: string[];
  labels: number;
  reason: string;
}

/** What leaving out owners needs besides the data of a run. */
export interface LeaveOut {
  /** Makes the systems of the analytic head without some rows. */
  solver: (without: readonly FoldRow[]) => Solver;
  /** Owners whose labels a person has accepted. */
  accepted: readonly string[];
}

/** The promotion that is checked. */
interface Promotion {
  kind: Candidate["kind"] | "global";
  compared: readonly ComparedRow[];
  candidates: readonly Candidate[];
  current: CurrentHead;
  /** What the head in use is called in reasons. */
  currentName: string;
  /** From how many labels the head in use and the candidate have learned, as `gateFewer` counts. */
  learned: { current: number; candidate: number };
}

/**
 * Fits the analytic head without any label that is not trusted, with the settings of the analytic candidate; null without
 * one. Where such labels do harm, it is the better candidate, so that they keep no region from learning.
 */
export function* trustedCandidate(
  data: RunData,
  manifest: ClassifyManifest,
  candidates: readonly Candidate[],
  { solver }: LeaveOut,
): Generator<void, Candidate | null> {
  const analytic = candidates.find(({ kind }) => kind === "analytic");
  if (!analytic) return null;
  const rows = data.train.untrustedOwners.flatMap((owner, row) => (owner === null ? [] : [row]));
  const systems = solver(rows.map((row) => foldRow(data, manifest, row)));
  yield;
  try {
    const { tau, lambda } = analytic.settings as unknown as RidgeSettings;
    return { kind: "trusted", settings: { tau, lambda }, ...(yield* solveHeads(systems, { tau, lambda })) };
  } catch (error) {
    if (!(error instanceof SingularSumsError)) throw error;
    return null;
  }
}

/**
 * Finds the owners without trust whose new labels decide a promotion, in bounded steps: each of those that do alone, else all
 * together; null where they don't. Labels that the head in use has learned from are not left out: it would be compared with a
 * head that knows less.
 */
export function* decidingOwners(
  data: RunData,
  manifest: ClassifyManifest,
  { kind, compared, candidates, current, currentName, learned }: Promotion,
  { solver, accepted }: LeaveOut,
): Generator<void, Deciding | null> {
  if (accepted.includes(everyOwner)) return null;
  const owners = newRowsByOwner(data, current).filter(({ owner }) => !accepted.includes(owner));
  const analytic = candidates.find((candidate) => candidate.kind === "analytic");
  const settings = (analytic?.settings as RidgeSettings | undefined) ?? usualRidge;
  const labels = ownRows(data.train) + data.train.untrustedOwners.filter((owner) => owner !== null).length;
  const lossesOf = function* (rows: readonly number[]): Generator<void, number[]> {
    const systems = solver(rows.map((row) => foldRow(data, manifest, row)));
    yield;
    const heads = yield* solveHeads(systems, settings);
    const calibrated = yield* calibrateOn(data, { kind: "analytic", settings: { ...settings }, ...heads }, manifest);
    yield;
    const isMixed = manifest.policy.learning.includes("mix");
    const servable = isMixed ? yield* mixWithGlobal(data, calibrated) : calibrated;
    return (yield* compareHeads(data, servable, current)).map(({ candidateLoss }) => candidateLoss);
  };
  let known: number[] | null = kind === "analytic" ? compared.map(({ candidateLoss }) => candidateLoss) : null;
  const checked = function* ({ owners: left, rows }: LeftOut): Generator<void, Deciding | null> {
    try {
      known ??= yield* lossesOf([]);
      const without = yield* lossesOf(rows);
      const costs = without.map((loss, i) => loss - ((known as number[])[i] as number));
      const { decides, share, report } = withoutOwner(
        compared,
        costs,
        manifest.thin.rule.targetRisk,
        currentName,
        learned,
      );
      const reason = report.promoted ? `${Math.round(100 * (1 - share))}% of the gain is left` : report.reason;
      return decides ? { owners: left, labels: rows.length, reason } : null;
    } catch (error) {
      if (!(error instanceof SingularSumsError)) throw error;
      return { owners: left, labels: rows.length, reason: "no head can be fitted" };
    }
  };
  const { alone, together } = ownersToLeaveOut(owners, labels);
  const deciding: Deciding[] = [];
  for (const left of alone) {
    const found = yield* checked(left);
    if (found) deciding.push(found);
  }
  const [first] = deciding;
  if (!first) return together && (yield* checked(together));
  return {
    owners: deciding.flatMap((one) => one.owners),
    labels: deciding.reduce((sum, one) => sum + one.labels, 0),
    reason: first.reason,
  };
}

/** Returns the rows of `train` by owners without trust that the head in use has not learned from. */
function newRowsByOwner({ train }: Pick<RunData, "train">, { lastSample }: CurrentHead) {
  const rows = new Map<string, number[]>();
  for (const [row, owner] of train.untrustedOwners.entries()) {
    if (owner === null || (train.revisions[row] as number) <= lastSample) continue;
    rows.set(owner, [...(rows.get(owner) ?? []), row]);
  }
  return Array.from(rows, ([owner, own]) => ({ owner, rows: own }));
}

// Embeddings are whole numbers times the step, so that the row of the sums is exactly this one.
function foldRow({ train, start, classes }: RunData, { thin }: ClassifyManifest, row: number): FoldRow {
  const width = start.length / classes;
  const values = train.inputs.subarray(row * width, (row + 1) * width - 1);
  return {
    fold: train.folds[row] as number,
    vector: Int16Array.from(values, (value) => Math.round(value / thin.backbone.embedding.step)),
    label: train.labels[row] as FoldRow["label"],
    weight: Math.round((train.weights[row] as number) * labelWeightUnit),
  };
}
