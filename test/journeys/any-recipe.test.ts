import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifying, privateBlobsOf } from "#core/artefacts.ts";
import { openRecipe } from "#origin/recipes/index.ts";
import { planRecipe } from "#origin/recipes/plan.ts";
import { train } from "#origin/train/index.ts";
import { judge } from "#origin/train/judge.ts";
import { formatRecipe } from "#scripts/local/recipe-file.ts";
import { seeded } from "../helpers/random.ts";
import { rolloutOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const model = "gauges";
const header = "site,when,level,state,alarm";

/** Rows of two sites; the alarm depends on the level, at one site the other way round. Some values are missing. */
function csvOf(rows: number, seed: number): string {
  const random = seeded(seed);
  const lines = Array.from({ length: rows }, () => {
    const site = random() < 0.5 ? "North/East" : "17";
    const level = random() * 10;
    const isHigh = level > 5 !== (site === "17");
    const state = random() < 0.3 ? "" : random() < 0.5 ? "open" : "shut";
    return `${site},2026-01-0${1 + Math.floor(random() * 9)},${level.toFixed(3)},${state},${isHigh ? "on" : "off"}`;
  });
  return [header, ...lines].join("\n");
}

let folder: string;
let ladder: SharedLadder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-recipe-"));
  ladder = await sharedLadder();
  await writeFile(join(folder, "gauges.csv"), csvOf(400, 1));
  await writeFile(join(folder, "later.csv"), csvOf(100, 2));
  const plan = await planRecipe({
    name: model,
    source: join(folder, "gauges.csv"),
    label: "alarm",
    region: "site",
    folder,
  });
  const training = { ...plan.document.training, epochs: 25 };
  await writeFile(join(folder, `${model}.recipe.json`), formatRecipe({ ...plan.document, training }));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  ladder.check();
});

describe("a recipe made from a table", () => {
  it("is trained, judged on other rows, and published with its own rows", async () => {
    const recipe = await openRecipe(model, folder);
    const artefact = await train(recipe, { backend: "wasm" });
    const test = await judge(recipe, artefact, await recipe.load({ file: join(folder, "later.csv") }));
    expect(test.full).toMatchObject({ n: 100, accuracy: expect.any(Number), coverage: expect.any(Object) });
    expect(test.full.accuracy).toBeGreaterThan(0.85);
    expect(await rolloutOn(ladder, artefact)).toBe(1);
    // What is stored of the data, only publishers may read.
    const manifest = classifying(await ladder.client("publish").manifest(model));
    const stored = manifest.recipe?.source[0]?.sha256 ?? "";
    expect(privateBlobsOf(manifest).map(({ sha256 }) => sha256)).toContain(stored);
    await expect(ladder.client("ask").blob(stored)).rejects.toMatchObject({ problem: { status: 403 } });
  });

  it("answers numbers as text, a site by its number, and rows with missing values", async () => {
    const ask = ladder.client("ask");
    const answer = await ask.ask(
      model,
      { site: 17, when: "2026-01-02", level: "9.5", state: null },
      { accept: "always" },
    );
    expect(answer).toMatchObject({ region: "17", label: expect.stringMatching(/on|off/) });
    expect(answer.warnings).toBeUndefined();
    await expect(ask.ask(model, {})).rejects.toMatchObject({
      problem: { status: 422, next: expect.stringContaining("level: a number") },
    });
  });

  it("is trained again by an origin that has nothing but the registry", async () => {
    const publisher = ladder.client("publish");
    const first = classifying(await publisher.manifest(model));
    const { id } = await publisher.startTraining(model, { gate: false });
    let training = await publisher.training(model, id);
    while (training.endedAt === null) training = await publisher.training(model, id, { waitSeconds: 5 });
    expect(training, `${training.reason}`).toMatchObject({ state: "done", version: 2 });
    const second = classifying(await publisher.manifest(model, 2));
    expect(second.recipe).toEqual(first.recipe);
    expect([second.labels, second.trainedOn.rows, second.policy]).toEqual([
      first.labels,
      first.trainedOn.rows,
      first.policy,
    ]);
  }, 120_000);

  it("is not known to the origin where no version has it", async () => {
    await expect(ladder.client("publish").startTraining("unheard-of")).rejects.toMatchObject({
      problem: { status: 404, next: expect.stringContaining("Publish a version with its recipe") },
    });
  });
});
