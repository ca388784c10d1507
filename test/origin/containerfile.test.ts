import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, glob, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findPython } from "#origin/torch/python.ts";
import { testKeys } from "../helpers/keys.ts";
import { torchHere } from "../helpers/torch.ts";

const root = join(import.meta.dirname, "../..");
const files = ["Containerfile", "Containerfile.cpu"];
const torch = await torchHere();

it("the origin's container with CUDA has the files and the command of the one with PyTorch on a CPU", async () => {
  const [cpu, cuda] = await Promise.all(
    ["cpu", "cuda"].map(async (kind) => {
      const text = await readFile(join(root, `workers/origin/Containerfile.${kind}`), "utf8");
      return text.split("\n").filter((line) => /^(COPY|CMD|USER|EXPOSE| +ORIGIN_TRAINER)/.test(line));
    }),
  );
  expect(cuda).toEqual(cpu);
  expect(cpu?.length).toBeGreaterThan(4);
});

describe.each(files)("the origin's container of %s", (file) => {
  let lines: string[];
  /** The paths that it copies from the project's folder. */
  let copied: string[];
  let folder: string;
  beforeAll(async () => {
    lines = (await readFile(join(root, "workers/origin", file), "utf8")).split("\n");
    copied = lines.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(" ").slice(1, -1));
    folder = await mkdtemp(join(tmpdir(), "upriver-container-"));
    for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("contains every file and package that its files import, without development dependencies", async () => {
    const { dependencies, optionalDependencies, imports } = JSON.parse(
      await readFile(join(folder, "package.json"), "utf8"),
    );
    const packages = { ...dependencies, ...optionalDependencies, ...imports };
    const missing: string[] = [];
    for await (const file of glob("workers/**/*.ts", { cwd: folder, exclude: ["**/*.d.ts"] })) {
      for (const specifier of importsOf(await readFile(join(folder, file), "utf8"))) {
        const name = specifier.match(/^(@[^/]+\/)?[^/]+/)?.[0] ?? "";
        const mapped: unknown = imports[`${name}/*`];
        const isThere = specifier.startsWith(".")
          ? existsSync(join(folder, dirname(file), specifier))
          : typeof mapped === "string"
            ? existsSync(join(folder, mapped.replace("*", specifier.slice(name.length + 1))))
            : specifier.startsWith("node:") || builtinModules.includes(name) || name in packages;
        if (!isThere) missing.push(`${file}: ${specifier}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it("starts with its own command, and logs its backend", async () => {
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const [, command = ""] = lines.find((line) => line.startsWith("CMD "))?.split("CMD ") ?? [];
    const [, ...args] = JSON.parse(command) as string[];
    const token = { id: "edge", sha256: "0".repeat(64), scopes: ["publish"], models: ["*"], regions: ["*"] };
    const env = {
      ...{
        EDGE_URL: "http://127.0.0.1:9",
        EDGE_TOKEN: "unused",
        SIGNING_KEY: JSON.stringify(testKeys.publish.signing),
      },
      ...{ ORIGIN_TOKENS: JSON.stringify([token]), ORIGIN_PORT: "0", ORIGIN_BACKEND: "wasm" },
      ORIGIN_DATA: join(folder, "data"),
      // With its own trainer where this machine has it.
      ...(torch && lines.some((line) => line.includes("ORIGIN_TRAINER=torch")) ? { ORIGIN_TRAINER: "torch" } : {}),
      PATH: process.env.PATH,
    };
    const origin = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
    const [line = "{}"] = await Promise.race([once(origin.stdout, "data"), once(origin.stdout, "end")]);
    expect(JSON.parse(String(line))).toMatchObject({ event: "listening", backend: { name: "wasm" } });
    origin.kill("SIGTERM");
    expect(await once(origin, "exit")).toEqual([0, null]);
  });

  it.skipIf(!torch || file !== "Containerfile.cpu")("has the whole program of PyTorch", async () => {
    const command = await findPython(torch?.python ?? null);
    const training = spawn(command, [join(folder, "workers/origin/torch/train.py")], { stdio: "ignore" });
    expect(await once(training, "exit")).toEqual([2, null]);
  });
});

/** The imports of a file at run time, without those of types. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s+"([^"]+)"|import\(?\s*"([^"]+)"/gm);
  return [...statements].map(([, from, bare]) => (from ?? bare) as string);
}
