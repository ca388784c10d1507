import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { adapterOf } from "#origin/backend/webgpu.ts";
import { learnApart } from "#origin/learn/apart.ts";
import type { LearnRequest } from "#origin/learn/apart-messages.ts";

const apart = join(import.meta.dirname, "../../../workers/origin/learn/apart.ts");
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-learn-"));
});
afterEach(() => rm(folder, { recursive: true }));

function orderFor(backend: LearnRequest["backend"]): LearnRequest {
  const folders = { samplesFolder: join(folder, "samples"), checkpointsFolder: join(folder, "checkpoints") };
  return { recipe: "storefront", before: undefined, backend, current: null, ...folders };
}

async function cancelAmidTraining(backend: LearnRequest["backend"]): Promise<unknown> {
  const abort = new AbortController();
  const onProgress = () => abort.abort("cancelled");
  return learnApart(orderFor(backend), { signal: abort.signal, onProgress }).catch((error) => error);
}

it("ends at once when it is cancelled", async () => {
  expect(await cancelAmidTraining("wasm")).toBe("cancelled");
});

const gpu = await adapterOf();
it.skipIf(!gpu.found)("is cancelled amid work on WebGPU, and the origin's process lives on", async () => {
  expect(await cancelAmidTraining("webgpu")).toBe("cancelled");
});

it("says why it failed", async () => {
  const order = { ...orderFor("wasm"), recipe: "no-such-recipe" };
  const learning = learnApart(order, { signal: AbortSignal.timeout(60_000), onProgress: () => {} });
  await expect(learning).rejects.toThrow(/no-such-recipe/);
});

it.skipIf(!existsSync("/proc/self/task"))("does not outlive an origin that is killed", async () => {
  const order = JSON.stringify(orderFor("wasm"));
  const script = join(folder, "origin.mjs");
  const text = `
    const { learnApart } = await import(${JSON.stringify(apart)});
    const signal = new AbortController().signal;
    await learnApart(${order}, { signal, onProgress: () => console.log("training") });`;
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
