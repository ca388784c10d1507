import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { learnApart } from "#origin/learn/apart.ts";
import type { LearnRequest } from "#origin/learn/apart-messages.ts";
import { findDocument } from "#origin/recipes/index.ts";
import type { RecipeOrder } from "#origin/recipes/registry.ts";
import { findPython } from "#origin/torch/python.ts";
import type { TorchSettings } from "#origin/torch/settings.ts";
import { stopping } from "#origin/trainings/stopping.ts";
import { gpusHere, torchHere } from "#test/helpers/torch.ts";

const settings = await torchHere();
const gpus = await gpusHere(settings);
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-torch-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function requestFor(different: Partial<TorchSettings> = {}): Promise<LearnRequest> {
  const { document, ...found } = await findDocument("storefront", folder);
  const networks = { thin: { layers: dense(8) }, full: { kind: "network" as const, layers: dense(24) } };
  // Few rows and one network of each: it begins to train sooner. Many epochs: it does not end before the test does.
  const training = { epochs: 500, patience: 500, distil: 0.5, trainer: "torch" as const };
  const input = { ...(document as { input: object }).input, scale: "standard" };
  const recipe = { ...found, document: { ...document, input, networks, training }, stored: null } as RecipeOrder;
  return {
    ...{ recipe, before: "2024-03-01", backend: "wasm", current: null },
    trainer: { trainer: null, torch: { ...(settings as TorchSettings), ...different } },
    torchFolder: join(folder, "torch"),
    ...{ samplesFolder: join(folder, "samples"), checkpointsFolder: join(folder, "checkpoints") },
  };
}

const dense = (...units: number[]) => units.map((own) => ({ type: "dense" as const, units: own }));

/** Trains until it reports progress, then aborts for a reason. */
function abortedFor(reason: string, request: LearnRequest): Promise<unknown> {
  const abort = new AbortController();
  const onProgress = () => abort.abort(reason);
  return learnApart(request, { signal: abort.signal, onProgress }).catch((error) => error);
}

/** The processes of this machine that train in this test's folder. */
async function trainingHere(): Promise<string[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = await Promise.all(
    all.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return command.includes(join(folder, "torch")) && command.includes("train.py") ? [pid] : [];
    }),
  );
  return own.flat();
}

describe.skipIf(!settings || !existsSync("/proc/self/cmdline"))("a training in PyTorch", () => {
  it("ends with its processes when it is cancelled", async () => {
    expect(await abortedFor("cancelled", await requestFor())).toBe("cancelled");
    await expect.poll(trainingHere).toEqual([]);
  });

  it("saves a checkpoint before it ends when the origin stops", async () => {
    expect(await abortedFor(stopping, await requestFor())).toBe(stopping);
    expect(await trainingHere()).toEqual([]);
    expect(await readdir(join(folder, "torch", "full"))).toContain("checkpoint.pt");
  });

  it("that a command starts goes on while the origin is away, is taken over, and is cancelled by its command", async () => {
    const started = join(folder, "started");
    const cancelled = join(folder, "cancelled");
    const program = join(import.meta.dirname, "../../../workers/origin/torch/train.py");
    const python = await findPython(settings?.python ?? null);
    // As an engine does, the command returns before the training ends.
    const command = `echo {name} >> ${started}; setsid ${python} ${program} {folder} >/dev/null 2>&1 &`;
    const request = await requestFor({ command, cancelCommand: `echo {name} > ${cancelled}` });
    expect(await abortedFor(stopping, request)).toBe(stopping);
    expect(await trainingHere()).toHaveLength(1);
    expect(await abortedFor("cancelled", request)).toBe("cancelled");
    const [name, ...others] = (await readFile(started, "utf8")).trim().split("\n");
    expect(others).toEqual([]);
    expect((await readFile(cancelled, "utf8")).trim()).toBe(name);
    await expect.poll(trainingHere).toEqual([]);
    // A restart is a job of its own, although the one before said something just now.
    expect(await abortedFor("cancelled", request)).toBe("cancelled");
    expect((await readFile(started, "utf8")).trim().split("\n")).toHaveLength(2);
    await expect.poll(trainingHere).toEqual([]);
  });

  it.skipIf(gpus > 0)("fails with what the program says", async () => {
    const request = await requestFor({ device: "cuda" });
    const learning = learnApart(request, { signal: AbortSignal.timeout(60_000), onProgress: () => {} });
    await expect(learning).rejects.toThrow("The plan's device is 'cuda', and PyTorch finds no GPU");
  });

  it("fails with what to install where no Python has PyTorch", async () => {
    const request = await requestFor({ python: join(folder, "python") });
    await writeFile(join(folder, "python"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const learning = learnApart(request, { signal: AbortSignal.timeout(60_000), onProgress: () => {} });
    await expect(learning).rejects.toThrow(/needs a Python that has torch and numpy.*apt-get install python3-torch/);
  });
});
