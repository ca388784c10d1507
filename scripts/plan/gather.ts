import { readFile } from "node:fs/promises";
import { arch, availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import { blobsOf, privateBlobsOf } from "#core/artefacts.ts";
import { type Manifest, type NetworkSpec, ownThinKinds } from "#core/contract/index.ts";
import { encode } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import type { Artefact } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { loadArtefact } from "#origin/train/store.ts";
import { artefactFolder, clientFor } from "../local/context.ts";
import { describeFailure } from "../local/failure.ts";
import { recipeFor } from "../local/recipe.ts";
import { costOf } from "../local/training-notes.ts";
import type { Host, NetworkCost, PlanFacts } from "./facts.ts";

/** Gathers what the trained model, the recipe, the running ladder and the nodes know. Throws where no model is known. */
export async function gatherFacts(nameOrPath: string, command: Command): Promise<PlanFacts> {
  const recipe = await recipeFor(nameOrPath);
  const reached = await reach(command, recipe.name);
  const ladder = typeof reached === "string" ? null : reached;
  const { artefact, model } = await modelOf(recipe.name, ladder);
  await startBackend();
  const { draft } = artefact;
  const networks: PlanFacts["networks"] = { thin: await networkCost(artefact, draft.thin) };
  if (draft.full) networks.full = await networkCost(artefact, draft.full);
  for (const kind of ownThinKinds) {
    const own = draft.thins?.[kind];
    if (own) networks[kind] = await networkCost(artefact, own.network);
  }
  const bytes = draft.examples.map((instance) => JSON.stringify(instance).length);
  return {
    ...{ recipe: recipe.name, model, ladder: typeof reached === "string" ? reached : null, here: hereOf(), networks },
    thins: { thin: draft.thin, full: draft.full, ...(draft.thins ? { thins: draft.thins } : {}) },
    labels: draft.labels.length,
    data: {
      rows: draft.trainedOn.rows,
      samples: ladder?.samples ?? null,
      samplesMax: draft.policy.samplesMax,
      regions: ladder?.regions ?? draft.policy.regions.keys.length,
      instanceBytes: Math.max(0, ...bytes),
    },
    operations: {
      questionsPerDay: ladder?.questionsPerDay ?? null,
      escalatedShare: ladder?.escalatedShare ?? null,
      trainingSeconds: await trainingSecondsOf(recipe),
    },
    nodes: ladder?.nodes ?? [],
    deviceBytes: recipe.thins.device?.bytes ?? null,
  };
}

interface Reached {
  client: UpriverClient;
  stable: number | null;
  samples: number | null;
  regions: number | null;
  questionsPerDay: number | null;
  escalatedShare: number | null;
  nodes: PlanFacts["nodes"];
}

/** Asks the running ladder; returns why it says nothing. */
async function reach(command: Command, model: string): Promise<Reached | string> {
  try {
    const client = await clientFor(command, "admin");
    const { models } = await client.ladder();
    const nodes = await nodesOf(client);
    const own = models.find((one) => one.model === model);
    const none = { stable: null, samples: null, regions: null, questionsPerDay: null, escalatedShare: null };
    if (!own) return { client, ...none, nodes };
    const regions = await client.regions(model);
    const { history } = await client.versions(model);
    const since = Math.min(...history.map(({ at }) => at), Date.now());
    const days = Math.max((Date.now() - since) / 86_400_000, 1 / 24);
    const edge = own.rungs.find(({ rung }) => rung === "edge");
    const samples = regions.reduce((sum, { samples: { train, validation, calibration }, archived }) => {
      return sum + train + validation + calibration + archived;
    }, 0);
    const isAsked = own.questions > 0;
    return {
      ...{ client, stable: own.pointer.stable, samples, regions: Math.max(1, regions.length), nodes },
      questionsPerDay: isAsked ? own.questions / days : null,
      escalatedShare: isAsked && edge ? edge.passed / own.questions : null,
    };
  } catch (error) {
    if (error instanceof Error) return describeFailure(error);
    throw error;
  }
}

/** The nodes under the edge. */
async function nodesOf(client: UpriverClient): Promise<PlanFacts["nodes"]> {
  const present = (await client.nodes()).filter(({ revokedAt }) => revokedAt === null);
  return present.map(({ id, last }) => ({ id, host: last?.host ?? null }));
}

/** The trained model of this folder; without one, the version that serves. */
async function modelOf(name: string, ladder: Reached | null): Promise<{ artefact: Artefact; model: string }> {
  const folder = artefactFolder(name);
  const trained = await loadArtefact(folder).catch((error: Error) => error);
  if (!(trained instanceof Error)) return { artefact: trained, model: `the trained model in ${folder}` };
  if (!ladder || ladder.stable === null) throw trained;
  const manifest: Manifest = await ladder.client.manifest(name, ladder.stable);
  if (manifest.task === "tensor") throw trained;
  const secret = new Set(privateBlobsOf(manifest).map(({ sha256 }) => sha256));
  const blobs: Artefact["blobs"] = new Map();
  for (const { sha256 } of blobsOf(manifest)) {
    if (!secret.has(sha256)) blobs.set(sha256, new Uint8Array(await ladder.client.blob(sha256)));
  }
  return { artefact: { draft: manifest, blobs }, model: `version ${ladder.stable}, which serves` };
}

async function networkCost(artefact: Artefact, spec: NetworkSpec): Promise<NetworkCost> {
  const loaded = await loadNetwork(servingEngine, spec, readFrom(artefact.blobs));
  loaded.release();
  const { ms } = await costOf(artefact, spec);
  const [example] = artefact.draft.examples;
  const encoded = example === undefined ? null : encode(spec.input, example, { region: "" });
  return {
    ...{ bytes: bytesOf(spec), memoryBytes: loaded.bytes, ms, width: spec.head.width },
    inputs: encoded?.ok ? encoded.value.length : null,
  };
}

/** How long the last training took, by its report. */
async function trainingSecondsOf({ name }: Recipe): Promise<number | null> {
  const text = await readFile(join(artefactFolder(name), "report.json"), "utf8").catch(() => null);
  if (text === null) return null;
  const { networks } = JSON.parse(text) as { networks: { seconds: number }[] };
  return networks.reduce((sum, { seconds }) => sum + seconds, 0);
}

function hereOf(): Host {
  return { memoryBytes: totalmem(), cores: availableParallelism(), arch: arch() };
}
