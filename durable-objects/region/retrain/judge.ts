import { gate } from "../../../workers/core/confidence/gate.ts";
import { judge, thresholdGrid, tunedThreshold } from "../../../workers/core/confidence/rule.ts";
import type { HeadManifest, Manifest } from "../../../workers/core/contract/index.ts";
import { sha256Hex } from "../../../workers/core/hash.ts";
import { encodeHead, softmax } from "../../../workers/core/head/head.ts";
import { rowLogits, unpackFit } from "../../../workers/core/head/softmax-fit.ts";
import { fitTemperature } from "../../../workers/core/head/temperature.ts";
import { sign, signingKeySchema } from "../../../workers/core/sign.ts";
import { registryObject } from "../../stubs.ts";
import { readHead } from "../blobs.ts";
import type { RegionContext } from "../context.ts";
import { type CurrentHead, compareHeads } from "./compare.ts";
import type { RunData } from "./data.ts";
import type { RunningRun, Runs } from "./runs.ts";

/** Calibrates the candidate on tune and holds it against the head in use; the better one stays. */
export async function judgeRun(
  context: RegionContext,
  runs: Runs,
  manifest: Manifest,
  run: RunningRun,
  data: RunData,
): Promise<void> {
  const fit = unpackFit(runs.state<string>(run.id, "fit") as string);
  if (!fit.best) throw new Error(`Error in judgeRun: run ${run.id} has no fitted head`);
  const { weights, l2 } = fit.best;
  const { tune, train, classes } = data;
  const logits = rowLogits(tune, weights, classes);
  const temperature = fitTemperature(logits, tune.labels);
  const { targetRisk } = manifest.thin.rule;
  const current = await currentHead(context, runs, manifest);
  const { promoted, reason, ...figures } = gate(compareHeads(data, fit, temperature, current), targetRisk);
  const report = { train: train.rows, tune: tune.rows, l2, temperature, ...figures };
  if (!promoted) return runs.finish(run.id, "refused", reason, report);

  const judged = logits.map((row, i) => judge(softmax(row, temperature), tune.labels[i] as number));
  const threshold = tunedThreshold(thresholdGrid(judged), judged, targetRisk);
  const head = await signedHead(context, manifest, weights, { temperature, threshold });
  context.storage.transactionSync(() => {
    runs.saveState(run.id, "weights", weights.slice().buffer);
    runs.saveState(run.id, "head", JSON.stringify(head));
    runs.saveState(run.id, "report", JSON.stringify({ reason, report }));
    runs.move(run.id, "publish", {});
  });
}

async function currentHead({ env, heads }: RegionContext, runs: Runs, manifest: Manifest): Promise<CurrentHead> {
  const regional = heads.current(manifest.version);
  if (!regional) return { own: null, lastSample: 0 };
  // A head of unknown making may have seen everything.
  const lastSample = runs.lastSampleOf(regional.base, regional.number) ?? Number.POSITIVE_INFINITY;
  return { own: await readHead(env, regional.head), lastSample };
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
