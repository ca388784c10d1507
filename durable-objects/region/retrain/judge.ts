import { anchorFault } from "#core/confidence/anchor.ts";
import { gate } from "#core/confidence/gate.ts";
import { gradeAnswer, thresholdGrid, validationThreshold } from "#core/confidence/rule.ts";
import type { ClassifyManifest, HeadManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { calibrated } from "#core/head/calibration.ts";
import { encodeHead } from "#core/head/head.ts";
import { rowLogits } from "#core/head/softmax-fit.ts";
import { sign, signingKeySchema } from "#core/sign.ts";
import type { Remote } from "#objects/stubs.ts";
import type { RegistryApi } from "../../registry/api.ts";
import type { Heads } from "../tables/heads.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import { readHead } from "./blobs.ts";
import {
  type CalibratedHead,
  type ComparedToo,
  type CurrentHead,
  calibrateOn,
  compareHeads,
  type HeadCandidate,
  standingOf,
} from "./candidates.ts";
import { ownRows, type RunData } from "./data.ts";

/** Rows of validation below which a calibration on them says little about other rows. */
const validationFewRows = 30;

/** What judging candidates touches. */
export interface JudgeNeeds {
  env: Pick<Env, "ARTEFACTS" | "DEPLOYMENT_KEY">;
  model: string;
  region: string;
  registry: () => Pick<Remote<RegistryApi>, "nextHeadNumber">;
  heads: Pick<Heads, "current">;
  storage: Pick<DurableObjectStorage, "transactionSync">;
}

/** What a judgement comes to: a reason and figures, and the head where it is promoted. */
export interface GateVerdict {
  promoted: CalibratedHead | null;
  reason: string;
  report: Record<string, unknown>;
}

/** The head in use on a base version, and what it has learned from. */
export async function currentHead(needs: JudgeNeeds, runs: Runs, manifest: ClassifyManifest): Promise<CurrentHead> {
  const { env, heads } = needs;
  const regional = heads.current(manifest.version);
  if (!regional) return { own: null, lastSample: 0 };
  // A head of unknown making may have seen everything.
  const lastSample = runs.lastSampleOf(regional.base, regional.number) ?? Number.POSITIVE_INFINITY;
  return { own: await readHead(env, regional.head), lastSample };
}

/** Calibrates the candidates on validation and holds the better one against the head in use, a bounded piece at a time. */
export function* judgeCandidates(
  data: RunData,
  candidates: readonly HeadCandidate[],
  manifest: ClassifyManifest,
  current: CurrentHead,
): Generator<void, GateVerdict> {
  const judged: CalibratedHead[] = [];
  for (const candidate of candidates) {
    judged.push(calibrateOn(data, candidate, manifest));
    yield;
  }
  // One that forgets a class that the region hardly knows competes only where every other does, too.
  const answering = judged.map((one) => ({
    one,
    anchored: data.anchor && anchorFault(data, data.anchor, one.head, current.own),
  }));
  const anchoredOf = new Map(answering.map(({ one, anchored }) => [one.kind, anchored]));
  // A few rows of validation are learned by heart when a head is calibrated on them: then all held-out rows choose.
  const isFew = data.validation.rows < validationFewRows;
  const held = new Map<HeadCandidate["kind"], ComparedToo[]>();
  if (isFew) for (const one of judged) held.set(one.kind, yield* compareHeads(data, one, current));
  const lossesOf = (one: CalibratedHead) => {
    const rows = held.get(one.kind);
    return rows ? rows.reduce((sum, { candidateLoss }) => sum + candidateLoss, 0) / rows.length : one.validationLogLoss;
  };
  const [{ one: best, anchored }] = answering.sort(
    (a, b) => Number(!!a.anchored?.fault) - Number(!!b.anchored?.fault) || lossesOf(a.one) - lossesOf(b.one),
  ) as [(typeof answering)[0]];
  yield;
  const compared = held.get(best.kind) ?? (yield* compareHeads(data, best, current));
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
    standing: standingOf(compared, fault === null),
  };
  return { promoted: fault === null ? best : null, reason: fault ?? reason, report };
}

/** Keeps a judgement: a refused candidate with its reason, a promoted one as a signed head on its way out. */
export async function keepVerdict(
  needs: JudgeNeeds,
  runs: Runs,
  manifest: ClassifyManifest,
  run: RunningRun,
  data: RunData,
  { promoted, reason, report }: GateVerdict,
): Promise<void> {
  if (!promoted) return runs.finish(run.id, "refused", reason, report);
  const { targetRisk } = manifest.thin.rule;
  const logits = rowLogits(data.validation, promoted.weights, data.classes);
  const judged = logits.map((row, i) =>
    gradeAnswer(calibrated(row, promoted.calibration), data.validation.labels[i] as number),
  );
  const grid = thresholdGrid(judged);
  const threshold = validationThreshold(grid, judged, targetRisk);
  const head = await signedHead(needs, manifest, promoted.head, threshold, grid[0] ?? 1);
  needs.storage.transactionSync(() => {
    runs.saveState(run.id, "weights", promoted.head.slice().buffer);
    runs.saveState(run.id, "head", JSON.stringify(head));
    runs.saveState(run.id, "report", JSON.stringify({ reason, report }));
    runs.move(run.id, "publish", {});
  });
}

async function signedHead(
  { env, model, region, registry: registryOf }: JudgeNeeds,
  manifest: ClassifyManifest,
  weights: Float32Array,
  threshold: number,
  strictest: number,
): Promise<HeadManifest> {
  const { width, classes } = manifest.thin.head;
  const bytes = encodeHead({ weights, bias: new Float32Array() });
  const blob = { sha256: await sha256Hex(bytes), bytes: bytes.byteLength };
  const registry = registryOf();
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
    number: await registry.nextHeadNumber(manifest.version, region),
    backbone: manifest.thin.backbone.sha256,
    head: { blob, width, classes, temperature: 1 },
    rule: { threshold, strictest, targetRisk, delta, certificate: null, uncertified },
    createdAt: new Date().toISOString(),
  };
  return sign(unsigned, signingKeySchema.parse(JSON.parse(env.DEPLOYMENT_KEY)));
}
