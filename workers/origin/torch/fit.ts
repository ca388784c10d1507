import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs-core";
import type { TrainingSet } from "../train/batches.ts";
import type { Dataset } from "../train/dataset.ts";
import { fingerprintOf } from "../train/fingerprint.ts";
import { type FitOptions, type FitResult, setTables } from "../train/fit.ts";
import { buildNetwork } from "../train/network.ts";
import { setVariables, type Trainable } from "../train/trainable.ts";
import { cancelLaunched } from "./cancel.ts";
import { readFailure, readProgress, readResult, type TorchResult } from "./exchange.ts";
import { type Launched, launch } from "./launch.ts";
import { readNpy } from "./npy.ts";
import { writePlan } from "./plan.ts";
import type { TorchSettings } from "./settings.ts";

const pollMs = 200;
/** A mounted bucket bills each read. */
const pollElsewhereMs = 2_000;
/** A training that an earlier process has ordered is taken over if it has said something within that time. */
const aliveMs = 60_000;
/** A training elsewhere that says nothing for so long has died. Until it begins, it may wait for a place in a cluster. */
const silentMaxMs = 15 * 60_000;
const endMaxMs = 30_000;

/** Trains a network in PyTorch as `fitNetwork` does in TensorFlow.js; `root` holds the files that both exchange. */
export async function fitInTorch(
  settings: TorchSettings,
  root: string,
  [train, validation, options]: [TrainingSet, Dataset, FitOptions],
): Promise<{ fitted: FitResult; result: TorchResult }> {
  const { form, plan, start, name = "network" } = options;
  const { data, classes } = train;
  const { shapes, buckets } = data;
  const network = buildNetwork({ ...form, shapes, buckets, classes, seed: plan.seed });
  if (start) {
    setVariables(network, start.weights);
    setTables(network, start.tables);
  }
  const fingerprint = fingerprintIn(settings, fingerprintOf(train, { form, plan, isPruned: start !== undefined }));
  const folder = join(root, name);
  let result = await readResult(folder, fingerprint);
  if (!result) {
    let launched: Launched | null = null;
    if (settings.command === null || !(await isAlive(folder, fingerprint))) {
      // A job that an earlier process has ordered may still wait for a place.
      if (settings.command !== null) await cancelLaunched(root);
      await writePlan(root, { name, fingerprint, train, validation, network, options, settings });
      const job = `upriver-${fingerprint.slice(0, 8)}-${Date.now().toString(36)}`;
      launched = await launch(settings, { folder, name: job, processes: settings.processes });
    }
    try {
      result = await follow(folder, { name, fingerprint, launched, isElsewhere: settings.command !== null, options });
    } finally {
      launched?.kill();
    }
  }
  await setWeights(network, await readNpy(join(folder, "result.npy")), folder);
  // Only the result is needed from here on.
  for (const file of ["checkpoint.pt", "launched.json"]) await rm(join(folder, file), { force: true });
  const { history, seconds, isCutShort } = result;
  const validationLoss = result.validationLoss ?? Number.POSITIVE_INFINITY;
  return { fitted: { network, history, seconds, validationLoss, isCutShort }, result };
}

interface Followed {
  name: string;
  fingerprint: string;
  /** What was started; null for a training that an earlier process has started. */
  launched: Launched | null;
  /** Whether an engine elsewhere trains: its command may return before the training ends. */
  isElsewhere: boolean;
  options: Pick<FitOptions, "checkpoints" | "onProgress">;
}

/** Waits for the result; reports progress, and passes on that the origin stops. */
async function follow(
  folder: string,
  { name, fingerprint, launched, isElsewhere, options: { checkpoints, onProgress } }: Followed,
): Promise<TorchResult> {
  let saidAt = 0;
  let heardAt: number | null = null;
  let ended: Awaited<Launched["ended"]> | null = null;
  void launched?.ended.then((end) => {
    ended = end;
  });
  for (;;) {
    // Before the look at the files: what has ended has written them.
    const end = ended as Awaited<Launched["ended"]> | null;
    const result = await readResult(folder, fingerprint);
    const said = await readProgress(folder, fingerprint);
    if (said && said.at !== saidAt) {
      saidAt = said.at;
      heardAt = Date.now();
      onProgress?.(said.progress);
    }
    if (result) return result;
    const reason = await readFailure(folder, fingerprint);
    if (reason !== null) throw new Error(reason);
    if (end && (!isElsewhere || end.code !== 0)) throw new Error(endedEarly(name, end));
    if (heardAt !== null && Date.now() - heardAt > silentMaxMs) {
      const minutes = Math.round(silentMaxMs / 60_000);
      throw new Error(
        `The PyTorch training of '${name}' has said nothing for ${minutes} minutes. Look at its engine and at ${folder}, ` +
          "then restart the training: it continues from its checkpoint.",
      );
    }
    if (checkpoints?.isWanted) await endSaved(folder, launched, isElsewhere, () => checkpoints.saved());
    await setTimeout(isElsewhere ? pollElsewhereMs : pollMs);
  }
}

/** Has a training on this machine save a checkpoint and end; one elsewhere goes on, and is taken over later. */
async function endSaved(folder: string, launched: Launched | null, isElsewhere: boolean, saved: () => void) {
  if (!isElsewhere) {
    await writeFile(join(folder, "stop"), "");
    await Promise.race([launched?.ended, setTimeout(endMaxMs)]);
  }
  saved();
  // The caller ends this process.
  await setTimeout(endMaxMs);
}

async function isAlive(folder: string, fingerprint: string): Promise<boolean> {
  // A training that was told to stop, or has failed, must be started again.
  if (existsSync(join(folder, "stop")) || (await readFailure(folder, fingerprint)) !== null) return false;
  const said = await readProgress(folder, fingerprint);
  return said !== null && Date.now() - said.at * 1_000 < aliveMs;
}

function endedEarly(name: string, { code, output }: { code: number | null; output: string }): string {
  const last = output.trim().split("\n").slice(-6).join("\n");
  return (
    `The PyTorch training of '${name}' ended ${code === null ? "by a signal" : `with code ${code}`} before it had a result. ` +
    `Restart it to continue from its checkpoint. It said last:\n${last}`
  );
}

function fingerprintIn({ precision, device }: TorchSettings, fingerprint: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["torch", precision, device, fingerprint]))
    .digest("hex");
}

async function setWeights(network: Trainable, values: Float32Array, folder: string): Promise<void> {
  const { variables, bags = [] } = network;
  const size = [...variables, ...bags.map((bag) => bag.values)].reduce(
    (sum, part) => sum + ("size" in part ? part.size : part.length),
    0,
  );
  if (values.length !== size || values.some((value) => !Number.isFinite(value))) {
    throw new Error(
      `${join(folder, "result.npy")} does not have the ${size} finite weights of the network. Delete ${folder}, and train again.`,
    );
  }
  let offset = 0;
  const take = (length: number) => {
    offset += length;
    return values.subarray(offset - length, offset);
  };
  tf.tidy(() =>
    setVariables(
      network,
      variables.map((variable) => tf.tensor(take(variable.size), variable.shape)),
    ),
  );
  setTables(
    network,
    bags.map((bag) => take(bag.values.length)),
  );
}
