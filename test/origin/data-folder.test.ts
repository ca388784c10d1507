import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkDataFolder } from "#origin/data-folder.ts";
import { testKeys } from "../helpers/keys.ts";

const root = join(import.meta.dirname, "../..");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-data-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes files into a data folder, and returns it. */
async function dataFolder(name: string, files: Record<string, string>): Promise<string> {
  const data = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(data, path, ".."), { recursive: true });
    await writeFile(join(data, path), text);
  }
  return data;
}

const sample = { region: "lagoon", id: "a", revision: 1, instance: { hour: 1 }, label: "umbrella", source: "truth" };
const linesOf = (...lines: object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");
const forgotten = { region: "lagoon", id: "b", revision: 2, forgotten: true };
const old = {
  job: { "jobs/0b4c/job.json": JSON.stringify({ id: "0b4c", model: "storefront", state: "done", step: "watch" }) },
  samples: { "samples/storefront/samples.ndjson": linesOf(forgotten, { ...sample, fold: "tune" }, { cursor: "1" }) },
};

describe("the origin's data folder", () => {
  it.each([
    ["a job", old.job],
    ["samples with a fold", old.samples],
  ])("is refused when version 0.1 left %s in it", async (what, files) => {
    const data = await dataFolder(what, files);
    await expect(checkDataFolder(data)).rejects.toThrow(
      `The data in ${data} was written by Upriver 0.1, which this version cannot read: delete ${data}, then start again.`,
    );
  });

  it("names the reset command when it is the local one", async () => {
    const data = await dataFolder(".upriver/origin", old.job);
    await expect(checkDataFolder(data)).rejects.toThrow("run 'npm run reset', then start again.");
  });

  it("is accepted when it is missing, or when this version wrote it", async () => {
    await checkDataFolder(join(folder, "missing"));
    const current = {
      "samples/storefront/samples.ndjson": linesOf(forgotten, { ...sample, split: "train" }, { cursor: "1" }),
      "samples/weather/samples.ndjson": "",
      "trainings/0b4c/training.json": "{}",
    };
    await checkDataFolder(await dataFolder("current", current));
  });

  it("stops the origin at its start with that sentence alone", async () => {
    const data = await dataFolder("start", old.job);
    const env = {
      ...{ EDGE_URL: "http://127.0.0.1:9", EDGE_TOKEN: "unused", ORIGIN_TOKENS: "[]", ORIGIN_PORT: "0" },
      ...{ SIGNING_KEY: JSON.stringify(testKeys.publish.signing), ORIGIN_DATA: data, ORIGIN_BACKEND: "wasm" },
    };
    const started = promisify(execFile)(process.execPath, ["workers/origin/index.ts"], { cwd: root, env });
    const { code, stderr } = await started.then(() => ({ code: 0, stderr: "" })).catch((error) => error);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The data in .* start again\.\n$/);
  });
});
