import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { adapterOf } from "#origin/backend/webgpu.ts";
import { learnApart } from "#origin/learn/apart.ts";
import type { LearnRequest } from "#origin/learn/apart-messages.ts";
import { findDocument } from "#origin/recipes/index.ts";
import type { RecipeOrder } from "#origin/recipes/registry.ts";
import { readTorchSettings } from "#origin/torch/settings.ts";
import { stopping } from "#origin/trainings/stopping.ts";
import { systemPackages } from "#test/helpers/system-packages.ts";

const apart = join(import.meta.dirname, "../../../workers/origin/learn/apart.ts");
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-learn-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function requestFor(backend: LearnRequest["backend"]): Promise<LearnRequest> {
  const folders = { samplesFolder: join(folder, "samples"), checkpointsFolder: join(folder, "checkpoints") };
  // Few rows: each process begins to train sooner.
  const recipe = { ...(await findDocument("storefront", folder)), stored: null } as RecipeOrder;
  const trainer = { trainer: null, torch: readTorchSettings({}) };
  const torchFolder = join(folder, "torch");
  return { recipe, before: "2024-03-01", backend, trainer, torchFolder, current: null, ...folders };
}

async function abortDuringTraining(backend: LearnRequest["backend"]): Promise<unknown> {
  const abort = new AbortController();
  const onProgress = () => abort.abort("cancelled");
  return learnApart(await requestFor(backend), { signal: abort.signal, onProgress }).catch((error) => error);
}

it("ends at once when it is aborted", async () => {
  expect(await abortDuringTraining("wasm")).toBe("cancelled");
});

it("saves a checkpoint before it ends when the origin stops", async () => {
  const abort = new AbortController();
  const request = await requestFor("wasm");
  const learning = learnApart(request, { signal: abort.signal, onProgress: () => abort.abort(stopping) });
  await expect(learning).rejects.toBe(stopping);
  expect(await readdir(request.checkpointsFolder)).toEqual(["full.checkpoint"]);
});

await systemPackages();
const gpu = await adapterOf();
it.skipIf(!gpu.found)("ends during work on WebGPU when it is aborted, and the origin's process survives", async () => {
  expect(await abortDuringTraining("webgpu")).toBe("cancelled");
});

it("rejects with the reason of its failure", async () => {
  const given = await requestFor("wasm");
  const document = { ...given.recipe.document, source: "no-such-file.csv" };
  const request = { ...given, recipe: { ...given.recipe, document } };
  const learning = learnApart(request, { signal: AbortSignal.timeout(60_000), onProgress: () => {} });
  await expect(learning).rejects.toThrow(/no-such-file/);
});

it.skipIf(!existsSync("/proc/self/task"))("ends when the origin is killed", async () => {
  const request = JSON.stringify(await requestFor("wasm"));
  const script = join(folder, "origin.mjs");
  const text = `
    const { learnApart } = await import(${JSON.stringify(apart)});
    const signal = new AbortController().signal;
    await learnApart(${request}, { signal, onProgress: () => console.log("training") });`;
  await writeFile(script, text);
  const origin = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(origin.stdout, "data");
  const [training] = await childrenOf(origin.pid as number);
  expect(existsSync(`/proc/${training}`)).toBe(true);
  origin.kill("SIGKILL");
  await expect.poll(() => existsSync(`/proc/${training}`)).toBe(false);
});

async function childrenOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
}
