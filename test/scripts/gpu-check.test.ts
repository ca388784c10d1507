import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { findPython } from "#origin/torch/python.ts";
import { gpusHere, torchHere } from "#test/helpers/torch.ts";

const root = join(import.meta.dirname, "../..");
const settings = await torchHere();

describe.skipIf(!settings)("the GPU check", () => {
  it("runs with its folder and the program alone, and says whether a GPU was measured", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-gpu-check-"));
    for (const path of ["scripts/gpu-check", "workers/origin/torch"]) {
      // A prepared set would be read: here the synthetic one is tested.
      const filter = (from: string) => !/\/set$|__pycache__/.test(from);
      await cp(join(root, path), join(folder, path), { recursive: true, filter });
    }
    const python = await findPython(settings?.python ?? null);
    // Its path: the check runs with another PATH.
    const found = await promisify(execFile)(python, ["-c", "import sys; print(sys.executable)"]);
    const command = found.stdout.trim();
    const gpus = await gpusHere(settings);
    const options = ["--rows", "80", "--epochs", "1", "--cpu-rows", "80", "--cpu-epochs", "1"];
    const { stdout } = await promisify(execFile)(command, [join(folder, "scripts/gpu-check/check.py"), ...options], {
      // Neither Node nor its packages.
      env: { PATH: "/usr/bin:/bin", HOME: folder },
    });
    const { machine, set, wasm, runs, webgpu } = JSON.parse(stdout);
    expect(machine.isGpuMeasured).toBe(gpus > 0);
    expect(set).toMatchObject({ source: "synthetic", rows: 80 });
    expect(wasm).toBeNull();
    const onCpu = runs.filter(({ device }: { device: string }) => device === "CPU");
    expect(onCpu.map(({ network }: { network: string }) => network)).toEqual(["recipe", "wide"]);
    for (const run of runs) {
      expect(run).toMatchObject({ examplesPerSecond: expect.any(Number), accuracy: expect.any(Number) });
      expect(run.peakBytes).toBeGreaterThan(0);
    }
    expect(webgpu.missing).toMatch(/no Node/);
    await rm(folder, { recursive: true });
  });
});
