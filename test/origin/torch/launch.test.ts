import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cancelLaunched } from "#origin/torch/cancel.ts";
import { torchFolder, trainerOf } from "#origin/torch/choose.ts";
import { fill } from "#origin/torch/launch.ts";
import { readNpy, writeNpy } from "#origin/torch/npy.ts";
import { readTorchSettings } from "#origin/torch/settings.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";

const readme = await readFile(join(import.meta.dirname, "../../../workers/origin/README.md"), "utf8");
const places = { folder: "/trainings/one/full", name: "upriver-0a1b-c2", processes: 4 };

describe("a command template", () => {
  it("is filled with values that a shell takes as one word each", () => {
    expect(fill("run {name} -n {processes} {folder}", { ...places, folder: "/my disk/it's" })).toBe(
      "run upriver-0a1b-c2 -n 4 '/my disk/it'\\''s'",
    );
    // What a shell or a JSON path has in braces stays.
    expect(fill(`kubectl get {other} -o "{.status}" $\{HOME}`, places)).toBe(
      `kubectl get {other} -o "{.status}" $\{HOME}`,
    );
  });

  it.each([...readme.matchAll(/^ORIGIN_TORCH(?:_CANCEL)?_COMMAND='(.*)'$/gm)].map(([, command]) => command as string))(
    "of the README has places that are filled: %s",
    (command) => {
      const filled = fill(command, places);
      expect(filled).toContain(places.name);
      expect(filled).not.toMatch(/[{}]/);
    },
  );
});

describe("the settings of PyTorch", () => {
  it("have defaults, and name what is invalid", () => {
    expect(readTorchSettings({})).toEqual({
      ...{ python: null, processes: 1, device: "auto", precision: "auto" },
      ...{ command: null, cancelCommand: null, folder: null },
    });
    const invalid = { ORIGIN_TORCH_PROCESSES: "0", ORIGIN_TORCH_DEVICE: "tpu" };
    expect(() => readTorchSettings(invalid)).toThrow(
      /Invalid environment variables: ORIGIN_TORCH_PROCESSES, ORIGIN_TORCH_DEVICE/,
    );
  });

  it("choose the recipe's trainer unless the origin has another", () => {
    const torch = readTorchSettings({});
    const chosen = (own: "tfjs" | "torch" | undefined, trainer: "tfjs" | "torch" | null) =>
      trainerOf(own ? { trainer: own } : {}, { trainer, torch }, "unused") === null ? "tfjs" : "torch";
    expect([chosen(undefined, null), chosen("torch", null), chosen("tfjs", null)]).toEqual(["tfjs", "torch", "tfjs"]);
    expect([chosen("torch", "tfjs"), chosen("tfjs", "torch"), chosen(undefined, "torch")]).toEqual([
      "tfjs",
      "torch",
      "torch",
    ]);
    expect(torchFolder(torch, "id", "checkpoints")).toBe(join("checkpoints", "torch"));
    expect(torchFolder({ ...torch, folder: "/bucket" }, "id", "checkpoints")).toBe(join("/bucket", "id"));
  });
});

describe("what the origin and the program exchange", () => {
  it("is an array as NumPy writes it, in blocks; an incomplete one is refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-npy-"));
    const path = join(folder, "values.npy");
    await writeNpy(path, [3, 2], [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, -0.5)]);
    const bytes = await readFile(path);
    expect(bytes.subarray(0, 8).toString("latin1")).toBe("\u0093NUMPY\u0001\u0000");
    expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0);
    expect(bytes.toString("latin1")).toContain("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }");
    expect(Array.from(await readNpy(path))).toEqual([1, 2, 3, 4, 5, -0.5]);
    await writeFile(path, bytes.subarray(0, bytes.length - 4));
    await expect(readNpy(path)).rejects.toThrow("is not a complete array of float32");
    await rm(folder, { recursive: true });
  });

  it("says at a cancelled training that the program stops, also where the cancel command fails", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-cancel-"));
    await mkdir(join(folder, "full"));
    await mkdir(join(folder, "rows-1"));
    await writeFile(join(folder, "full", "launched.json"), JSON.stringify({ cancel: "exit 3" }));
    await cancelLaunched(folder);
    expect(await readFile(join(folder, "full", "stop"), "utf8")).toBe("");
    await cancelLaunched(join(folder, "none"));
    await rm(folder, { recursive: true });
  });

  it("counts a checkpoint of the program as saved", async () => {
    const checkpoints = new Checkpoints("unused");
    expect(checkpoints.isWanted).toBe(false);
    const saved = checkpoints.saveSoon();
    expect(checkpoints.isWanted).toBe(true);
    checkpoints.saved();
    await saved;
    expect(checkpoints.isWanted).toBe(false);
  });
});
