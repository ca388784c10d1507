import { ArtefactError } from "#core/artefacts.ts";
import { anchorFault } from "#core/confidence/anchor.ts";
import { learnsFromAbove } from "#core/confidence/from-above.ts";
import { type GateReport, gate, gateFewer, minClusters, negligibleLogLoss } from "#core/confidence/gate.ts";
import { thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import { isContentKey } from "#core/confidence/splits.ts";
import type { ClassifyManifest, HeadManifest, Reading } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeHead, type HeadWeights } from "#core/head/head.ts";
import type { Label } from "#core/head/label.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { isListed } from "#core/region.ts";
import { sign, signingKeySchema } from "#core/sign.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import { ofBackbone, readHead } from "../artefacts.ts";
import type { Heads } from "../tables/heads.ts";
import type { HeldOutHeads } from "../tables/held-out-heads.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import {
  type Candidate,
  type ComparedRow,
  type CurrentHead,
  calibrateOn,
  compareHeads,
  comparisonOf,
  globalCandidate,
  heldOutScores,
  mixWithGlobal,
  resolveCurrent,
  type ServableCandidate,
  untaught,
} from "./candidates.ts";
import { ownRows, type RunData } from "./data.ts";
import { type Deciding, decidingOwners, everyOwner, type LeaveOut, trustedCandidate } from "./owners.ts";
import { fitReading } from "./reading.ts";

/** Rows of validation below which a calibration on them says little about other rows. */
const validationFewRows = 30;

const contentNote = "are of the region's first groups, which were split by content: they certify nothing";

/** The result of judging the candidates: a reason, figures, and the head that is promoted. */
export interface RunVerdict {
  promoted: ServableCandidate | null;
  reason: string;
  report: Record<string, unknown>;
  /** Whose labels decide the promotion, so that a person has to accept it; null where none do. */
  deciding: Deciding | null;
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
  heldOutHeads: Pick<HeldOutHeads, "of">;
  runs: Runs;
  transaction: <T>(work: () => T) => T;
}

/** Reads the head in use on a base version, and which samples it learned from. */
export async function currentHead(needs: JudgeNeeds, manifest: ClassifyManifest): Promise<CurrentHead> {
  const { heads, heldOutHeads, runs, readBlob } = needs;
  const regional = ofBackbone(manifest, heads.current(manifest.version));
  if (!regional) return { own: await inheritedHead(needs, manifest), ...untaught };
  // A head whose run is unknown may have learned from every sample.
  const learned = runs.promotion(regional.base, regional.number) ?? {
    ...{ lastSample: Number.POSITIVE_INFINITY, labels: 0, crossFits: false },
  };
  try {
    const own = await readHead(readBlob, regional.head);
    return { own, ...learned, crossFitted: heldOutHeads.of(regional.base, regional.number) };
  } catch (error) {
    if (!(error instanceof ArtefactError)) throw error;
    // The edge serves the global head in its place: that is what a candidate has to beat.
    console.warn(
      JSON.stringify({ event: "head-lost", model: needs.model, region: needs.region, reason: error.reason }),
    );
    return { own: await inheritedHead(needs, manifest), ...untaught };
  }
}

// An opened region is served by its parent's head until it has its own.
async function inheritedHead(
  { region, registry, readBlob }: JudgeNeeds,
  manifest: ClassifyManifest,
): Promise<HeadWeights | null> {
  const { regions } = manifest.policy;
  if (isListed(regions, region)) return null;
  const head = ofBackbone(manifest, (await registry().headPointer(manifest.version, regions.parent)).head);
  return head && readHead(readBlob, head.head);
}

/**
 * Calibrates the candidates on held-out rows, mixes each with the global head, and compares the best one with the head in
 * use, in bounded steps. The global head replaces a region's head that is worse.
 */
export function* judgeCandidates(
  data: RunData,
  fitted: readonly Candidate[],
  manifest: ClassifyManifest,
  inUse: CurrentHead,
  leaveOut: LeaveOut | null,
): Generator<void, RunVerdict> {
  const current = resolveCurrent(inUse, data.start);
  const isMixed = manifest.policy.learning.includes("mix");
  const clean = leaveOut && (yield* trustedCandidate(data, manifest, fitted, leaveOut));
  const candidates = clean ? [...fitted, clean] : fitted;
  const judged: ServableCandidate[] = [];
  for (const candidate of candidates) {
    const servable = yield* calibrateOn(data, candidate, manifest);
    yield;
    judged.push(isMixed ? yield* mixWithGlobal(data, servable) : servable);
  }
  // A candidate that forgets a class with few labels is chosen only if every candidate does.
  const answering = judged.map((one) => ({
    one,
    anchored: data.anchor && anchorFault(data, data.anchor, one.head, current.own),
  }));
  const anchoredOf = new Map(answering.map(({ one, anchored }) => [one.kind, anchored]));
  // Calibration overfits a few rows of validation: then all held-out rows choose the candidate, as they do among mixtures.
  const isFew = !isMixed && !data.crossFits && data.validation.rows < validationFewRows;
  const comparisons = new Map<ServableCandidate["kind"], ComparedRow[]>();
  if (isFew) for (const one of judged) comparisons.set(one.kind, yield* compareHeads(data, one, current));
  const lossesOf = ({ kind, mix, validationLogLoss }: ServableCandidate) => {
    const rows = comparisons.get(kind);
    if (rows) return rows.reduce((sum, { candidateLoss }) => sum + candidateLoss, 0) / rows.length;
    return mix?.logLoss ?? validationLogLoss;
  };
  const [{ one: best, anchored }] = answering.sort(
    (a, b) => Number(!!a.anchored?.fault) - Number(!!b.anchored?.fault) || lossesOf(a.one) - lossesOf(b.one),
  ) as [(typeof answering)[0]];
  yield;
  const compared = comparisons.get(best.kind) ?? (yield* compareHeads(data, best, current));
  const { targetRisk } = manifest.thin.rule;
  const currentName = current.own ? "the head in use" : "the global head";
  const learned = { current: current.crossFits ? current.labels : 0, candidate: ownRows(data.train) };
  const regional = gateFewer(gate(compared, targetRisk, currentName), learned);
  yield;
  const isPassed = regional.promoted && !anchored?.fault;
  const global = yield* globalCandidate(data);
  const back = current.own && backToGlobal(compared, targetRisk, isPassed);
  const promoted = back ? global : isPassed ? best : null;
  const promotion = { kind: best.kind, compared, candidates, current, currentName, learned };
  const deciding =
    promoted === best && best.kind !== "trusted" && leaveOut
      ? yield* decidingOwners(data, manifest, promotion, leaveOut)
      : null;
  const { promoted: _, reason: gateReason, ...figures } = back ?? regional;
  const decided = back ? back.reason : (regional.promoted && anchored?.fault) || gateReason;
  const { train, validation } = data;
  const heldOut = data.crossFits ? train.groupKeys.filter((_, row) => train.mayJudge[row]) : validation.groupKeys;
  const byContent = heldOut.filter(isContentKey).length;
  const reason = byContent > 0 ? `${decided}; ${byContent} of the held-out labels ${contentNote}` : decided;
  const report = {
    train: ownRows(train),
    untrusted: train.untrustedOwners.filter((owner) => owner !== null).length,
    validation: validation.rows,
    crossFitted: data.crossFits,
    byContent,
    chosen: (promoted ?? best).kind,
    candidates: Object.fromEntries(
      [...judged, global].map(({ kind, settings, validationLogLoss, calibration, mix }) => [
        kind,
        { ...settings, temperature: calibration.temperature, validationLogLoss, mix, anchor: anchoredOf.get(kind) },
      ]),
    ),
    ...figures,
    anchor: back ? null : anchored,
    comparison: comparisonOf(back ? compared.map(byGlobal) : compared, promoted !== null && !deciding),
    ...(deciding ? { heldFor: deciding.owners } : {}),
  };
  return { promoted, reason, report, deciding };
}

/**
 * Returns how the global head compares with the region's head where it takes over: its mean log-loss on held-out questions
 * is lower, and no candidate that passed the gate is better still. Significance is not needed to return to the global head.
 */
function backToGlobal(compared: readonly ComparedRow[], targetRisk: number, isPassed: boolean): GateReport | null {
  const report = gate(compared.map(byGlobal), targetRisk);
  const { clusters, difference, currentLogLoss, candidateLogLoss: logLoss } = report;
  const regional = compared.reduce((sum, { candidateLoss }) => sum + candidateLoss, 0) / compared.length;
  const isBetter = clusters >= minClusters && difference < -negligibleLogLoss;
  if (!isBetter || (isPassed && regional < logLoss)) return null;
  const losses = `log-loss ${logLoss.toFixed(4)} instead of ${currentLogLoss.toFixed(4)}`;
  return { ...report, promoted: true, reason: `the global head is better than the head in use: ${losses}` };
}

/** The global head in the place of the candidate. */
function byGlobal(row: ComparedRow): ComparedRow {
  return { ...row, candidateLoss: row.globalLoss, candidate: row.global };
}

/** Stores a verdict: the reason of a refusal, or the signed head that is to be published. */
export async function storeVerdict(
  needs: JudgeNeeds,
  manifest: ClassifyManifest,
  run: RunningRun,
  data: RunData,
  { promoted, reason, report, deciding }: RunVerdict,
): Promise<void> {
  const { runs, transaction } = needs;
  if (deciding) return runs.finish(run.id, "held", heldReason(needs, deciding), report);
  if (!promoted) return runs.finish(run.id, "refused", reason, report);
  const { targetRisk } = manifest.thin.rule;
  const { scores, labels } = finished(heldOutScores(data, promoted));
  const reading = fitReading(manifest, data, promoted);
  const judged = scores.map((row, i) => data.task.grade(row, labels[i] as Label, reading));
  const grid = thresholdGrid(judged);
  const threshold = validationThreshold(grid, judged, targetRisk);
  const rule = { threshold, strictest: grid[0] ?? 1 };
  const head = await signedHead(needs, manifest, promoted.head, rule, reading);
  transaction(() => {
    runs.saveState(run.id, "weights", promoted.head.slice().buffer);
    if (data.crossFits) {
      for (const [fold, weights] of promoted.crossFitted.entries()) {
        runs.saveState(run.id, heldOutState(fold), weights.slice().buffer);
      }
    }
    runs.saveState(run.id, "head", JSON.stringify(head));
    runs.saveState(run.id, "report", JSON.stringify({ reason, report }));
    runs.move(run.id, "publish", {});
  });
}

/** Names what a run keeps of the head that left a fold out, until the head is published. */
export function heldOutState(fold: number): string {
  return `held-out ${fold}`;
}

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** Owners that the reason of a held run names. */
const namedOwners = 3;

function heldReason({ model, region }: JudgeNeeds, { owners, labels, reason }: Deciding): string {
  const [shown, more] = [owners.slice(0, namedOwners), owners.length - namedOwners];
  const names = `${shown.map((owner) => `'${owner}'`).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const accepted = more > 0 ? [`'${everyOwner}'`] : owners;
  const accept = `npx upriver retrain ${model} --region ${region} --accept-owner ${accepted.join(" ")}`;
  const forget = `npx upriver forget ${model} --owner ${shown.join(" ")}`;
  const tokens = owners.length > 1 ? "tokens that are not trusted" : "a token that is not trusted";
  return `the head in use stays, since ${labels} labels of ${names}, ${tokens}, decide: without them, ${reason}. To use the head: ${accept}. To forget the labels: ${forget}`;
}

async function signedHead(
  { model, region, deploymentKey, registry }: JudgeNeeds,
  manifest: ClassifyManifest,
  weights: Float32Array,
  { threshold, strictest }: { threshold: number; strictest: number },
  reading: Reading | undefined,
): Promise<HeadManifest> {
  const { width, classes } = manifest.thin.head;
  const bytes = encodeHead({ weights, bias: new Float32Array() });
  const blob = { sha256: await sha256Hex(bytes), bytes: bytes.byteLength };
  const { targetRisk, delta, perClass, classRisks = [], threshold: published } = manifest.thin.rule;
  const uncertified = {
    status: "pending" as const,
    reason: "no label of an accepted question yet",
    labels: 0,
    labelsNeeded: null,
  };
  // The labels of all classes, or the few there are beside answers from above, do not show that a laxer rule is right.
  const isBound = classRisks.length > 0 || learnsFromAbove(manifest);
  const unsigned: HeadManifest = {
    format: "upriver/2",
    model,
    base: manifest.version,
    region,
    number: await registry().nextHeadNumber(manifest.version, region),
    backbone: manifest.thin.backbone.sha256,
    head: { blob, width, classes, temperature: 1 },
    rule: {
      ...{ threshold: isBound ? Math.max(threshold, published) : threshold, strictest },
      ...{ targetRisk, delta, certificate: null, uncertified },
      ...(perClass ? { perClass } : {}),
      ...(classRisks.length > 0 ? { classRisks } : {}),
    },
    ...(reading ? { reading } : {}),
    createdAt: new Date().toISOString(),
  };
  return sign(unsigned, signingKeySchema.parse(JSON.parse(deploymentKey)));
}
