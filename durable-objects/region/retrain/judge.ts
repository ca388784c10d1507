import { anchorFault } from "#core/confidence/anchor.ts";
import { gate } from "#core/confidence/gate.ts";
import { gradeAnswer, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import type { ClassifyManifest, HeadManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { calibrated } from "#core/head/calibration.ts";
import { encodeHead, type HeadWeights } from "#core/head/head.ts";
import { rowLogits } from "#core/head/softmax-fit.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { isListed } from "#core/region.ts";
import { sign, signingKeySchema } from "#core/sign.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import { readHead } from "../artefacts.ts";
import type { Heads } from "../tables/heads.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import {
  type CalibratedCandidate,
  type Candidate,
  type ComparedRow,
  type CurrentHead,
  calibrateOn,
  compareHeads,
  comparisonOf,
} from "./candidates.ts";
import { ownRows, type RunData } from "./data.ts";

/** Rows of validation below which a calibration on them says little about other rows. */
const validationFewRows = 30;

/** The result of judging the candidates: a reason, figures, and the head that is promoted. */
export interface RunVerdict {
  promoted: CalibratedCandidate | null;
  reason: string;
  report: Record<string, unknown>;
}

/** What judging reads and changes. */
export interface JudgeNeeds {
  model: string;
  region: string;
  /** The signing key of the deployment, as JSON. */
  deploymentKey: string;
  readBlob: ReadBlob;
  registry: () => Pick<Remote<RegistryApi>, "nextHeadNumber" | "headPointer">;
  heads: Pick<Heads, "current">;
  runs: Runs;
  transaction: <T>(work: () => T) => T;
}

/** Reads the head in use on a base version, and which samples it learned from. */
export async function currentHead(needs: JudgeNeeds, manifest: ClassifyManifest): Promise<CurrentHead> {
  const { heads, runs, readBlob } = needs;
  const regional = heads.current(manifest.version);
  if (!regional) return { own: await inheritedHead(needs, manifest), lastSample: 0 };
  // A head whose run is unknown may have learned from every sample.
  const lastSample = runs.lastSampleOf(regional.base, regional.number) ?? Number.POSITIVE_INFINITY;
  return { own: await readHead(readBlob, regional.head), lastSample };
}

// An opened region is served by its parent's head until it has its own.
async function inheritedHead(
  { region, registry, readBlob }: JudgeNeeds,
  { version, policy: { regions } }: ClassifyManifest,
): Promise<HeadWeights | null> {
  if (isListed(regions, region)) return null;
  const { head } = await registry().headPointer(version, regions.parent);
  return head && readHead(readBlob, head.head);
}

/** Calibrates the candidates on `validation` and compares the better one with the head in use, in bounded steps. */
export function* judgeCandidates(
  data: RunData,
  candidates: readonly Candidate[],
  manifest: ClassifyManifest,
  current: CurrentHead,
): Generator<void, RunVerdict> {
  const judged: CalibratedCandidate[] = [];
  for (const candidate of candidates) {
    judged.push(calibrateOn(data, candidate, manifest));
    yield;
  }
  // A candidate that forgets a class with few labels is chosen only if every candidate does.
  const answering = judged.map((one) => ({
    one,
    anchored: data.anchor && anchorFault(data, data.anchor, one.head, current.own),
  }));
  const anchoredOf = new Map(answering.map(({ one, anchored }) => [one.kind, anchored]));
  // Calibration overfits a few rows of validation: then all held-out rows choose the candidate.
  const isFew = data.validation.rows < validationFewRows;
  const comparisons = new Map<Candidate["kind"], ComparedRow[]>();
  if (isFew) for (const one of judged) comparisons.set(one.kind, yield* compareHeads(data, one, current));
  const lossesOf = (one: CalibratedCandidate) => {
    const rows = comparisons.get(one.kind);
    return rows ? rows.reduce((sum, { candidateLoss }) => sum + candidateLoss, 0) / rows.length : one.validationLogLoss;
  };
  const [{ one: best, anchored }] = answering.sort(
    (a, b) => Number(!!a.anchored?.fault) - Number(!!b.anchored?.fault) || lossesOf(a.one) - lossesOf(b.one),
  ) as [(typeof answering)[0]];
  yield;
  const compared = comparisons.get(best.kind) ?? (yield* compareHeads(data, best, current));
  const { promoted, reason, ...figures } = gate(compared, manifest.thin.rule.targetRisk);
  yield;
  const fault = promoted ? (anchored?.fault ?? null) : reason;
  const report = {
    train: ownRows(data.train),
    validation: data.validation.rows,
    chosen: best.kind,
    candidates: Object.fromEntries(
      judged.map(({ kind, settings, validationLogLoss, calibration }) => [
        kind,
        { ...settings, temperature: calibration.temperature, validationLogLoss, anchor: anchoredOf.get(kind) },
      ]),
    ),
    ...figures,
    anchor: anchored,
    comparison: comparisonOf(compared, fault === null),
  };
  return { promoted: fault === null ? best : null, reason: fault ?? reason, report };
}

/** Stores a verdict: the reason of a refusal, or the signed head that is to be published. */
export async function storeVerdict(
  needs: JudgeNeeds,
  manifest: ClassifyManifest,
  run: RunningRun,
  data: RunData,
  { promoted, reason, report }: RunVerdict,
): Promise<void> {
  const { runs, transaction } = needs;
  if (!promoted) return runs.finish(run.id, "refused", reason, report);
  const { targetRisk } = manifest.thin.rule;
  const logits = rowLogits(data.validation, promoted.weights, data.classes);
  const judged = logits.map((row, i) =>
    gradeAnswer(calibrated(row, promoted.calibration), data.validation.labels[i] as number),
  );
  const grid = thresholdGrid(judged);
  const threshold = validationThreshold(grid, judged, targetRisk);
  const head = await signedHead(needs, manifest, promoted.head, threshold, grid[0] ?? 1);
  transaction(() => {
    runs.saveState(run.id, "weights", promoted.head.slice().buffer);
    runs.saveState(run.id, "head", JSON.stringify(head));
    runs.saveState(run.id, "report", JSON.stringify({ reason, report }));
    runs.move(run.id, "publish", {});
  });
}

async function signedHead(
  { model, region, deploymentKey, registry }: JudgeNeeds,
  manifest: ClassifyManifest,
  weights: Float32Array,
  threshold: number,
  strictest: number,
): Promise<HeadManifest> {
  const { width, classes } = manifest.thin.head;
  const bytes = encodeHead({ weights, bias: new Float32Array() });
  const blob = { sha256: await sha256Hex(bytes), bytes: bytes.byteLength };
  const { targetRisk, delta } = manifest.thin.rule;
  const uncertified = {
    status: "pending" as const,
    reason: "no label of an accepted question yet",
    labels: 0,
    labelsNeeded: null,
  };
  const unsigned: HeadManifest = {
    format: "upriver/2",
    model,
    base: manifest.version,
    region,
    number: await registry().nextHeadNumber(manifest.version, region),
    backbone: manifest.thin.backbone.sha256,
    head: { blob, width, classes, temperature: 1 },
    rule: { threshold, strictest, targetRisk, delta, certificate: null, uncertified },
    createdAt: new Date().toISOString(),
  };
  return sign(unsigned, signingKeySchema.parse(JSON.parse(deploymentKey)));
}
