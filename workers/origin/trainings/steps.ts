import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import { learnsFromAbove } from "#core/confidence/from-above.ts";
import { type ClassifyManifest, ownThinKinds, type Training, trainingSteps } from "#core/contract/index.ts";
import type { SigningKey } from "#core/sign.ts";
import type { BackendChoice } from "../backend/index.ts";
import { learnApart } from "../learn/apart.ts";
import { samplesWaitedFor } from "../learn/from-above.ts";
import type { Published } from "../learn/index.ts";
import { SampleStore } from "../learn/sample-store.ts";
import { publish } from "../publish.ts";
import type { TrainableRecipes } from "../recipes/registry.ts";
import { reportOn, writeReport } from "../report/index.ts";
import { type TrainerChoice, torchFolder } from "../torch/choose.ts";
import { Checkpoints } from "../train/checkpoint.ts";
import type { Blobs } from "../train/pack.ts";
import { loadArtefact, saveArtefact } from "../train/store.ts";
import type { RunTraining, UpdateTraining } from "./queue.ts";

export interface StepOptions extends TrainerChoice {
  client: UpriverClient;
  recipes: Pick<TrainableRecipes, "find" | "document">;
  signingKey: SigningKey;
  /** Where samples, checkpoints and trainings are stored. */
  dataFolder: string;
  backend: BackendChoice;
  folderOf: (training: Training) => string;
}

type Step = (training: Training, update: UpdateTraining, signal: AbortSignal) => Promise<Partial<Training> | null>;

const pollMs = 1_000;
const verdictFile = "verdict.json";

/** Returns what runs a training step by step; each step returns what it changes in the record, or null for nothing. */
export function trainingRunner(options: StepOptions): RunTraining {
  const steps: Record<Training["step"], Step> = {
    pull: (training) => pull(options, training),
    train: (training, update, signal) => train(options, training, update, signal),
    publish: (training) => publishTrained(options, training),
    prepare: (training, _, signal) => prepare(options, training, signal),
    rollout: (training) => rollout(options, training),
    watch: (training, _, signal) => watchRollout(options, training, signal),
  };
  return async (training, update, signal) => {
    let now = training;
    for (const step of trainingSteps.slice(trainingSteps.indexOf(training.step))) {
      await update({ step });
      const change = await steps[step](now, update, signal);
      if (change) await update(change);
      now = { ...now, ...change };
      if (now.state === "refused") return;
    }
  };
}

async function pull(
  { client, dataFolder }: Pick<StepOptions, "client" | "dataFolder">,
  { model, order }: Training,
): Promise<Partial<Training>> {
  const stable = await stableVersion(client, model);
  if (stable === null) return { samples: { added: 0, known: 0 } };
  const samples = await new SampleStore(join(dataFolder, "samples", model)).pull(client, model);
  if (order.reason !== "schedule") return { samples };
  const serving = classifying(await client.manifest(model, stable));
  const needed = learnsFromAbove(serving) ? samplesWaitedFor(serving.trainedOn.rows) : 0;
  if (samples.known >= needed) return { samples };
  const reason = `${samples.known} samples; the next scheduled training waits for ${needed}`;
  return { samples, state: "refused", endedAt: new Date().toISOString(), reason };
}

async function train(
  { client, recipes, dataFolder, backend, trainer, torch, folderOf }: Omit<StepOptions, "signingKey">,
  training: Training,
  update: UpdateTraining,
  signal: AbortSignal,
): Promise<Partial<Training>> {
  const folder = folderOf(training);
  // Written last: where it exists, everything else does.
  const verdictPath = join(folder, verdictFile);
  if (!existsSync(verdictPath)) {
    const checkpointsFolder = join(folder, "checkpoints");
    const exchanged = torchFolder(torch, training.id, checkpointsFolder);
    const { artefact, verdict } = await learnApart(
      {
        ...{
          recipe: await recipes.find(training.model, training.order.reason === "first"),
          backend,
          checkpointsFolder,
          trainer: { trainer, torch },
          torchFolder: exchanged,
        },
        before: training.order.before,
        samplesFolder: join(dataFolder, "samples", training.model),
        current: await fetchCurrent(client, training.model),
      },
      { signal, onProgress: (progress) => void (signal.aborted || update({ progress })) },
    );
    await saveArtefact(folder, artefact);
    await writeReport(folder, await reportOn(artefact.result), verdict);
    await writeFile(verdictPath, JSON.stringify(verdict));
    await new Checkpoints(checkpointsFolder).clear();
    await rm(exchanged, { recursive: true, force: true });
  }
  const verdict = JSON.parse(await readFile(verdictPath, "utf8")) as Training["verdict"];
  if (verdict?.promoted === false && training.order.gate) {
    return { verdict, progress: null, state: "refused", endedAt: new Date().toISOString(), reason: verdict.reason };
  }
  return { verdict, progress: null };
}

async function publishTrained(
  { client, signingKey, folderOf }: Pick<StepOptions, "client" | "signingKey" | "folderOf">,
  training: Training,
): Promise<Partial<Training>> {
  const artefact = await loadArtefact(folderOf(training));
  // The origin may have been killed after it published and before it recorded the version: do not publish twice. An
  // equal version from before the training is another one: the same data gives the same network.
  const latest = await latestManifest(client, training.model);
  const isOwn = latest !== null && Date.parse(latest.createdAt) >= Date.parse(training.createdAt);
  const isPublished = isOwn && networkOf(latest) === networkOf(artefact.draft);
  return { version: isPublished ? latest.version : (await publish(client, artefact, signingKey)).version };
}

function networkOf({ thin }: Pick<ClassifyManifest, "thin">): string {
  return `${thin.backbone.sha256} ${thin.head.blob.sha256}`;
}

// Waits until every region has trained its head for the version, so that no region loses accuracy in the rollout.
async function prepare(
  { client }: Pick<StepOptions, "client">,
  { model, version }: Training,
  signal: AbortSignal,
): Promise<null> {
  for (;;) {
    const known = await unlessUnreachable(client.versions(model));
    if (known && known.versions.find((one) => one.version === version)?.state !== "published") return null;
    await pause(signal);
  }
}

async function rollout(
  { client, recipes }: Pick<StepOptions, "client" | "recipes">,
  { model, version, order }: Training,
): Promise<null> {
  const target = { version: version as number };
  const stable = await stableVersion(client, model);
  if (stable === version) return null;
  const { canary = (await recipes.document(model)).canary ?? null } = order;
  await client.rollout(model, canary && stable !== null ? { ...target, ...canary, watch: true } : target);
  return null;
}

// The registry decides on the canary; this step only waits for the decision.
async function watchRollout(
  { client }: Pick<StepOptions, "client">,
  { model, version }: Training,
  signal: AbortSignal,
): Promise<Partial<Training>> {
  for (;;) {
    const pointer = (await unlessUnreachable(client.model(model)))?.pointer;
    if (pointer?.stable === version) return { reason: `version ${version} serves all callers` };
    if (pointer && pointer.canary?.version !== version) {
      const ended = { state: "refused" as const, endedAt: new Date().toISOString() };
      return { ...ended, reason: `version ${version} was rolled back as a canary; the model's history shows why` };
    }
    await pause(signal);
  }
}

async function fetchCurrent(client: UpriverClient, model: string): Promise<Published | null> {
  const stable = await stableVersion(client, model);
  if (stable === null) return null;
  const { thin: spec, thins = {}, splits, trainedOn, ...rest } = classifying(await client.manifest(model, stable));
  const { labels, number } = rest;
  const own: NonNullable<Published["own"]> = {};
  for (const kind of ownThinKinds) if (thins[kind]) own[kind] = thins[kind].network;
  const blobs: Blobs = new Map();
  for (const { backbone, head } of [spec, ...Object.values(own)]) {
    for (const { sha256 } of [backbone.topology, ...backbone.shards, head.blob]) {
      blobs.set(sha256, new Uint8Array(await client.blob(sha256)));
    }
  }
  return {
    spec,
    own,
    blobs,
    trained: { ...(splits ? { splits } : {}), trainedOn, labels, ...(number ? { number } : {}) },
  };
}

async function stableVersion(client: UpriverClient, model: string): Promise<number | null> {
  return (await orNull(client.model(model)))?.pointer.stable ?? null;
}

async function latestManifest(client: UpriverClient, model: string) {
  const version = (await orNull(client.versions(model)))?.versions[0]?.version;
  return version === undefined ? null : classifying(await client.manifest(model, version));
}

function orNull<T>(reply: Promise<T>): Promise<T | null> {
  return reply.catch((error) => {
    if (error instanceof ProblemError && error.problem.status === 404) return null;
    throw error;
  });
}

// A step that waits for days also waits for an unreachable edge, for which this returns null.
function unlessUnreachable<T>(reply: Promise<T>): Promise<T | null> {
  return reply.catch((error) => {
    if (error instanceof UnreachableError) return null;
    throw error;
  });
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pollMs));
  signal.throwIfAborted();
}
