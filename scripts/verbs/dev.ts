import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { ProblemError, type UpriverClient } from "#client/index.ts";
import type { Manifest, TensorManifest } from "#core/contract/index.ts";
import { createModelOf } from "#origin/import/create.ts";
import { importModelOf } from "#origin/import/recipe.ts";
import { publish } from "#origin/publish.ts";
import { findDocument, isBase } from "#origin/recipes/index.ts";
import type { Artefact, ManifestDraft, Unpublished } from "#origin/train/index.ts";
import { loadArtefact } from "#origin/train/store.ts";
import type { LocalLadder } from "../local/ladder.ts";
import { projectFolder } from "../local/project.ts";
import { serve } from "../local/serve.ts";

const suffix = ".recipe.json";
/** The recipe that a new project has. */
const exampleName = "example";

/** `upriver dev`: runs the whole ladder for the project's recipes on this machine. */
export function devVerb(program: Command): void {
  program
    .command("dev")
    .description("run the whole ladder on this machine, with this folder's recipes; Ctrl-C ends it")
    .option("--json", "print one JSON object instead of text, when everything is up")
    .addHelpText(
      "after",
      "\nModels that 'train' has trained are served at once; the origin trains the others.\n" +
        "Ports: UPRIVER_PORT (8787) and UPRIVER_ORIGIN_PORT (8788).\n\nExample:\n  npx upriver dev",
    )
    .action(async ({ json }: { json?: boolean }) => {
      const folder = projectFolder();
      const names = await recipesIn(folder);
      await serve({
        folder,
        recipe: null,
        isJson: json,
        onReady: (ladder, say) => bringUp(ladder, folder, names, say),
      });
    });
}

async function recipesIn(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  const names = files.map((name) => name.slice(0, -suffix.length)).sort();
  // The example of 'init' makes room for one's own.
  return names.length > 1 ? names.filter((name) => name !== exampleName) : names;
}

/** Serves what is trained, has the origin train the rest, and returns the model to show: a trained one first. */
async function bringUp(
  ladder: LocalLadder,
  folder: string,
  names: readonly string[],
  say: (line: string) => void,
): Promise<string | null> {
  const client = ladder.client("publish");
  const isTrained = (name: string) => existsSync(join(folder, ".upriver", "artefacts", name));
  const trained = names.filter(isTrained);
  for (const name of trained) {
    await publishNew(ladder, client, await loadArtefact(join(folder, ".upriver", "artefacts", name)), say);
  }
  const untrained: string[] = [];
  for (const name of names) {
    if (isTrained(name) || (await isServed(client, name))) continue;
    const made = await madeFrom(name, folder);
    if (made) await publishNew(ladder, client, made, say);
    else untrained.push(name);
  }
  const ordered: string[] = [];
  for (const name of untrained) {
    await client.startTraining(name, { reason: "first", canary: null, gate: false }).then(
      () => {
        ordered.push(name);
        say(`origin: training ${name}; 'npx upriver trainings ${name} --watch' follows it`);
      },
      (error) => say(`origin: cannot train ${name}: ${error instanceof ProblemError ? error.problem.detail : error}`),
    );
  }
  const served = names.filter((name) => !untrained.includes(name));
  const [first] = [...trained, ...served, ...ordered];
  if (first === undefined) return null;
  if (ordered.includes(first) && !(await untilServed(client, first, say))) return null;
  return first;
}

type Publishable = Artefact<ManifestDraft | Unpublished<TensorManifest>>;

/** Makes the model of a recipe that needs no training: an imported one, or one on a pre-trained base; null for others. */
async function madeFrom(name: string, folder: string): Promise<Publishable | null> {
  const found = await findDocument(name, folder);
  if (found.document.task === "tensor") return importModelOf(found.document, found.folder);
  return isBase(found.document) ? createModelOf(found.document, found.folder) : null;
}

/** Publishes a model and serves it to all callers, unless its newest version is the same. */
async function publishNew(
  { credentials }: LocalLadder,
  client: UpriverClient,
  artefact: Publishable,
  say: (line: string) => void,
): Promise<void> {
  const { model: name } = artefact.draft;
  const latest = await orNull(client.versions(name));
  const [newest] = latest?.versions ?? [];
  if (newest && isSame(await client.manifest(name, newest.version), artefact.draft)) return;
  const { version } = await publish(client, artefact, credentials.signingKey);
  await client.rollout(name, { version });
  say(`edge: serves ${name} version ${version}`);
}

function isSame(manifest: Manifest, draft: Publishable["draft"]): boolean {
  const hashesOf = (of: Manifest | Publishable["draft"]) =>
    of.task === "tensor" ? of.network.sha256 : `${of.thin.backbone.sha256} ${of.thin.head.blob.sha256}`;
  return hashesOf(manifest) === hashesOf(draft);
}

async function isServed(client: UpriverClient, model: string): Promise<boolean> {
  return (await orNull(client.model(model)))?.pointer.stable != null;
}

const pollMs = 500;

/** Waits until a model is served; false where its training ended without that. */
async function untilServed(client: UpriverClient, model: string, say: (line: string) => void): Promise<boolean> {
  while (!(await isServed(client, model))) {
    const [training] = await client.trainings(model);
    if (training && training.endedAt !== null && !(await isServed(client, model))) {
      say(`origin: the training of ${model} ended as '${training.state}': ${training.reason}`);
      return false;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}

function orNull<T>(reply: Promise<T>): Promise<T | null> {
  return reply.catch((error) => {
    if (error instanceof ProblemError && error.problem.status === 404) return null;
    throw error;
  });
}
