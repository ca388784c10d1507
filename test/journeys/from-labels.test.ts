import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifying } from "#core/artefacts.ts";
import { type LocalLadder, startLadder } from "#scripts/local/ladder.ts";
import { freePort } from "#scripts/local/ports.ts";
import { bin, root } from "#scripts/local/process.ts";
import type { CommandResult } from "../scripts/upriver.ts";

const labels = {
  account: "The customer cannot log in, or forgot a password",
  billing: "An invoice was charged twice, or a refund is wanted",
  delivery: "A parcel is late or lost",
};

let folder = "";
let ladder: LocalLadder;
let first: CommandResult;
const progress: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-labels-"));
  await writeFile(join(folder, "labels.json"), JSON.stringify(labels));
  first = await upriver("new", "tickets", "--labels", "labels.json");
  const ports = { edge: await freePort(), origin: await freePort() };
  ladder = await startLadder({ folder, ports, recipe: "tickets", onProgress: (line) => progress.push(line) });
});
afterAll(async () => {
  await ladder?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command in the project's folder. */
function upriver(...args: string[]): Promise<CommandResult> {
  const { UPRIVER_URL: _, UPRIVER_TOKEN: __, ...rest } = process.env;
  const env = { ...rest, UPRIVER_FOLDER: folder };
  const child = spawn(bin("node"), [join(root, "scripts/upriver.mjs"), ...args], { env, cwd: folder });
  const result: CommandResult = { status: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (result.stdout += chunk));
  child.stderr.on("data", (chunk) => (result.stderr += chunk));
  child.stdin.end();
  return new Promise((resolve) => child.once("close", (status) => resolve({ ...result, status })));
}

describe("npx upriver new --labels", () => {
  it("writes a recipe, and without a ladder says how to publish it", async () => {
    expect(first, first.stderr).toMatchObject({ status: 0 });
    expect(first.stdout).toContain("tickets.recipe.json: 3 labels, 3 described; no data.");
    expect(first.stdout).toContain("Next: npm start, then npx upriver publish tickets");
    const recipe = JSON.parse(await readFile(join(folder, "tickets.recipe.json"), "utf8"));
    expect(recipe).toMatchObject({ source: { samples: "regions" }, label: { values: Object.keys(labels) } });
  });

  it("is served untrained; the local decision server answers first", async () => {
    expect(progress.find((line) => line.startsWith("decisions: a local double"))).toContain("rung 'decisions'");
    const { thin, trainedOn, full } = classifying(await ladder.client("publish").manifest("tickets", 1));
    expect([thin.rule.threshold > 1, trainedOn.rows, full]).toEqual([true, 0, null]);
    const instance = { text: "I forgot my password and cannot log in" };
    const answer = await ladder.client("ask").ask("tickets", instance);
    expect(answer).toMatchObject({ label: "account", rung: "origin" });
  });

  it("publishes the untrained version to a running ladder, as publish does", async () => {
    await writeFile(join(folder, "list.json"), '["yes", "no"]');
    const made = await upriver("new", "spam", "--labels", "list.json");
    expect(made.stderr).toBe("");
    expect(made.stdout).toContain("Version 1, untrained, serves all callers.");
    const again = await upriver("publish", "spam");
    expect(again.stderr).toBe("");
    expect(again.stdout).toContain("Published spam version 2, served to all callers.");
  });

  it("says what to do where there is nothing to train on", async () => {
    const here = await upriver("train", "tickets");
    expect(here.stderr).toContain("has no rows of its own");
    expect(here.stderr).toContain("npx upriver train tickets --learn");
    const above = await upriver("train", "tickets", "--learn");
    expect(above.status).toBe(1);
    expect(`${above.stdout}${above.stderr}`).toContain("100 are needed");
  });

  it("is refused with data, without labels, and with a file that is none", async () => {
    const both = await upriver("new", "one", "rows.csv", "--labels", "labels.json");
    expect([both.status, both.stderr]).toEqual([2, expect.stringContaining("Leave out rows.csv, or --labels.")]);
    const neither = await upriver("new", "one");
    expect([neither.status, neither.stderr]).toEqual([
      2,
      expect.stringContaining("name the labels: --labels labels.json"),
    ]);
    const missing = await upriver("new", "one", "--labels", "none.json");
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining("There is no file none.json")]);
    await writeFile(join(folder, "one.json"), '["yes"]');
    const few = await upriver("new", "one", "--labels", "one.json");
    expect([few.status, few.stderr]).toEqual([
      1,
      expect.stringContaining("there is one label; two or more are needed"),
    ]);
  });
});
