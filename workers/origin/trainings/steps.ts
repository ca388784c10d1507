import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import { type ClassifyManifest, type Training, trainingSteps } from "#core/contract/index.ts";
import type { SigningKey } from "#core/sign.ts";
import type { BackendChoice } from "../backend/index.ts";
import { learnApart } from "../learn/apart.ts";
import type { Published } from "../learn/index.ts";
import { SampleStore } from "../learn/sample-store.ts";
import { publish } from "../publish.ts";
import { recipeOf } from "../recipes/index.ts";
import { reportOn, writeReport } from "../report/index.ts";
import { Checkpoints } from "../train/checkpoint.ts";
import type { Blobs } from "../train/pack.ts";
import { loadArtefact, saveArtefact } from "../train/store.ts";
import type { RunTraining, UpdateTraining } from "./queue.ts";

export interface Workshop {
  client: UpriverClient;
  signingKey: SigningKey;
  /** Where samples, checkpoints and jobs lie. */
  dataFolder: string;
  backend: BackendChoice;
  folderOf: (training: Training) => string;
}

type Step = (training: Training, advance: UpdateTraining, signal: AbortSignal) => Promise<Partial<Training> | null>;

const lookEveryMs = 1_000;
const verdictFile = "verdict.json";

/** What a job does, step by step; each gives what it found out, or null where the job ends with it. */
export function trainingRunner(workshop: Workshop): RunTraining {
  const steps: Record<Training["step"], Step> = {
    pull: (training) => pull(workshop, training),
    train: (training, advance, signal) => train(workshop, training, advance, signal),
    publish: (training) => publishTrained(workshop, training),
    prepare: (training, _, signal) => prepare(workshop, training, signal),
    rollout: (training) => rollout(workshop, training),
    watch: (training, _, signal) => watch(workshop, training, signal),
  };
  return async (training, advance, signal) => {
    let now = training;
    for (const step of trainingSteps.slice(trainingSteps.indexOf(training.step))) {
      await advance({ step });
      const found = await steps[step](now, advance, signal);
      if (found) await advance(found);
      now = { ...now, ...found };
      if (now.state === "refused") return;
    }
  };
}

async function pull({ client, dataFolder }: Workshop, { model }: Training): Promise<Partial<Training>> {
  if ((await stableVersion(client, model)) === null) return { samples: { added: 0, known: 0 } };
  return { samples: await new SampleStore(join(dataFolder, "samples", model)).pull(client, model) };
}

async function train(
  workshop: Workshop,
  training: Training,
  advance: UpdateTraining,
  signal: AbortSignal,
): Promise<Partial<Training>> {
  const { client, dataFolder, backend, folderOf } = workshop;
  const folder = folderOf(training);
  // Written last: with it, everything is there.
  const verdictPath = join(folder, verdictFile);
  if (!existsSync(verdictPath)) {
    const checkpointsFolder = join(folder, "checkpoints");
    const { artefact, verdict } = await learnApart(
      {
        ...{ recipe: training.model, before: training.order.before, backend, checkpointsFolder },
        samplesFolder: join(dataFolder, "samples", training.model),
        current: await fetchCurrent(client, training.model),
      },
      // Whoever cancelled the job wants to hear no more of it.
      { signal, onProgress: (progress) => void advance({ progress }).catch(() => {}) },
    );
    await saveArtefact(folder, artefact);
    await writeReport(folder, await reportOn(artefact.result), verdict);
    await writeFile(verdictPath, JSON.stringify(verdict));
    await new Checkpoints(checkpointsFolder).clear();
  }
  const verdict = JSON.parse(await readFile(verdictPath, "utf8")) as Training["verdict"];
  if (verdict?.promoted === false && training.order.gate) {
    return { verdict, progress: null, state: "refused", endedAt: new Date().toISOString(), reason: verdict.reason };
  }
  return { verdict, progress: null };
}

async function publishTrained(
  { client, signingKey, folderOf }: Workshop,
  training: Training,
): Promise<Partial<Training>> {
  const artefact = await loadArtefact(folderOf(training));
  // Published, and then killed before that was written down: it is not published twice.
  const latest = await latestManifest(client, training.model);
  const isThere = latest !== null && networkOf(latest) === networkOf(artefact.draft);
  return { version: isThere ? latest.version : (await publish(client, artefact, signingKey)).version };
}

function networkOf({ thin }: Pick<ClassifyManifest, "thin">): string {
  return `${thin.backbone.sha256} ${thin.head.blob.sha256}`;
}

// Regions make their heads for the version first, so that nobody's regional gain is lost by the step.
async function prepare({ client }: Workshop, { model, version }: Training, signal: AbortSignal): Promise<null> {
  for (;;) {
    const known = await patient(client.versions(model));
    if (known && known.versions.find((one) => one.version === version)?.state !== "published") return null;
    await pause(signal);
  }
}

async function rollout({ client }: Workshop, { model, version, order }: Training): Promise<null> {
  const target = { version: version as number };
  const stable = await stableVersion(client, model);
  if (stable === version) return null;
  const { canary = recipeOf(model).canary } = order;
  await client.rollout(model, canary && stable !== null ? { ...target, ...canary, watch: true } : target);
  return null;
}

// The registry judges the canary by its audits, and acts by itself.
async function watch(
  { client }: Workshop,
  { model, version }: Training,
  signal: AbortSignal,
): Promise<Partial<Training>> {
  for (;;) {
    const pointer = (await patient(client.model(model)))?.pointer;
    if (pointer?.stable === version) return { reason: `version ${version} serves all` };
    if (pointer && pointer.canary?.version !== version) {
      const ended = { state: "refused" as const, endedAt: new Date().toISOString() };
      return { ...ended, reason: `version ${version} was rolled back as a canary: its history says why` };
    }
    await pause(signal);
  }
}

async function fetchCurrent(client: UpriverClient, model: string): Promise<Published | null> {
  const stable = await stableVersion(client, model);
  if (stable === null) return null;
  const { thin: spec } = classifying(await client.manifest(model, stable));
  const blobs: Blobs = new Map();
  for (const { sha256 } of [spec.backbone.topology, ...spec.backbone.shards, spec.head.blob]) {
    blobs.set(sha256, new Uint8Array(await client.blob(sha256)));
  }
  return { spec, blobs };
}

async function stableVersion(client: UpriverClient, model: string): Promise<number | null> {
  return (await orNull(client.model(model)))?.pointer.stable ?? null;
}

async function latestManifest(client: UpriverClient, model: string) {
  const version = (await orNull(client.versions(model)))?.versions[0]?.version;
  return version === undefined ? null : classifying(await client.manifest(model, version));
}

function orNull<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch((error) => {
    if (error instanceof ProblemError && error.problem.status === 404) return null;
    throw error;
  });
}

// Whoever waits for days waits for an edge that is away, too: null says that it was.
function patient<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch((error) => {
    if (error instanceof UnreachableError) return null;
    throw error;
  });
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  signal.throwIfAborted();
}
