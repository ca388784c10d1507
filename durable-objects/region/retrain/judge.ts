import { type Compared, gate } from "../../../workers/core/confidence/gate.ts";
import { judge, thresholdGrid, tunedThreshold } from "../../../workers/core/confidence/rule.ts";
import type { HeadManifest, Manifest } from "../../../workers/core/contract/index.ts";
import { sha256Hex } from "../../../workers/core/hash.ts";
import { encodeHead, scoresOf, softmax } from "../../../workers/core/head/head.ts";
import { lossOf } from "../../../workers/core/head/metrics.ts";
import { rowLogits, unpackFit } from "../../../workers/core/head/softmax-fit.ts";
import { fitTemperature } from "../../../workers/core/head/temperature.ts";
import { sign, signingKeySchema } from "../../../workers/core/sign.ts";
import { registryObject } from "../../stubs.ts";
import { readHead } from "../blobs.ts";
import type { RegionContext } from "../context.ts";
import type { RunData } from "./data.ts";
import type { RunningRun, Runs } from "./runs.ts";

/** Calibrates the candidate on tune and holds it against the head in use there; the better one stays. */
export async function judgeRun(
  context: RegionContext,
  runs: Runs,
  manifest: Manifest,
  run: RunningRun,
  data: RunData,
): Promise<void> {
  const { best } = unpackFit(runs.state<string>(run.id, "fit") as string);
  if (!best) throw new Error(`Error in judgeRun: run ${run.id} has no fitted head`);
  const { tune, classes, train } = data;
  const logits = rowLogits(tune, best.weights, classes);
  const temperature = fitTemperature(logits, tune.labels);
  const candidate = logits.map((row) => softmax(row, temperature));
  const current = await currentScores(context, manifest, data);
  const judged = candidate.map((scores, i) => judge(scores, tune.labels[i] as number));
  const compared = judged.map((own, i): Compared => {
    const label = tune.labels[i] as number;
    const before = current[i] as Float64Array;
    return {
      cluster: data.tuneSplits[i] as string,
      currentLoss: lossOf(before, label),
      candidateLoss: lossOf(candidate[i] as Float64Array, label),
      current: judge(before, label),
      candidate: own,
    };
  });
  const { targetRisk } = manifest.thin.rule;
  const { promoted, reason, ...figures } = gate(compared, targetRisk);
  const report = { train: train.rows, tune: tune.rows, l2: best.l2, temperature, ...figures };
  if (!promoted) return runs.finish(run.id, "refused", reason, report);

  const threshold = tunedThreshold(thresholdGrid(judged), judged, targetRisk);
  const head = await signedHead(context, manifest, best.weights, { temperature, threshold });
  context.storage.transactionSync(() => {
    runs.saveState(run.id, "weights", best.weights.slice().buffer);
    runs.saveState(run.id, "head", JSON.stringify(head));
    runs.saveState(run.id, "report", JSON.stringify({ reason, report }));
    runs.move(run.id, "publish", {});
  });
}

async function currentScores({ env, heads }: RegionContext, manifest: Manifest, { tune, start, classes }: RunData) {
  const regional = heads.current(manifest.version);
  if (!regional) return rowLogits(tune, start, classes).map((row) => softmax(row, 1));
  const weights = await readHead(env, regional.head);
  const width = start.length / classes;
  return Array.from({ length: tune.rows }, (_, row) => scoresOf(weights, tune.inputs, row * width));
}

async function signedHead(
  { env, model, region }: RegionContext,
  manifest: Manifest,
  weights: Float32Array,
  { temperature, threshold }: { temperature: number; threshold: number },
): Promise<HeadManifest> {
  const { width, classes } = manifest.thin.head;
  const bytes = encodeHead({ weights, bias: new Float32Array() });
  const blob = { sha256: await sha256Hex(bytes), bytes: bytes.byteLength };
  const registry = registryObject(env, model);
  const unsigned: HeadManifest = {
    format: "upriver/1",
    model,
    base: manifest.version,
    region,
    number: await registry.nextHeadNumber(manifest.version, region),
    backbone: manifest.thin.backbone.sha256,
    head: { blob, width, classes, temperature },
    rule: { threshold, targetRisk: manifest.thin.rule.targetRisk, certificate: null },
    createdAt: new Date().toISOString(),
  };
  return sign(unsigned, signingKeySchema.parse(JSON.parse(env.DEPLOYMENT_KEY)));
}
