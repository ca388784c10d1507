import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifying } from "#core/artefacts.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import { bin, root } from "#scripts/local/process.ts";
import { describeReport } from "#scripts/replay/describe.ts";
import { play } from "#scripts/replay/play.ts";
import { numberRecipe } from "../helpers/number-rows.ts";
import { rolloutOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const model = "journey-heat";
const from = Date.parse("2024-03-01");

let ladder: SharedLadder;
let recipe: Recipe;
beforeAll(async () => {
  ladder = await sharedLadder();
  recipe = await numberRecipe(1_600, {
    ...{ name: model, rungs: ["edge", "region", "origin"], trainBefore: "2024-03-01" },
    networks: {
      thin: { region: false, layers: [{ type: "dense", units: 12 }] },
      full: { layers: [{ type: "dense", units: 24 }] },
    },
    policy: {
      ...{ keep: "all", auditShare: 0, truth: "complete", originLabelWeight: 0 },
      ...{ retrainEverySeconds: 7 * 86_400, retrainAfterSeconds: null },
    },
  });
  expect(await rolloutOn(ladder, await train(recipe, { backend: "wasm" }))).toBe(1);
});
afterAll(() => ladder.check());

async function upriver(...args: string[]): Promise<string> {
  const { edge, tokens } = ladder.credentials;
  const env = { ...process.env, UPRIVER_URL: edge, UPRIVER_TOKEN: tokens.admin, NO_COLOR: "1" };
  return (await promisify(execFile)(bin("node"), [join(root, "scripts/cli.ts"), ...args], { env })).stdout;
}

describe("numbers, from a table to a head for each place", () => {
  it("replay through the ladder: regions learn, and the report has errors, intervals and certificates", async () => {
    const rows = (await recipe.load({})).filter(({ at }) => at >= Date.parse("2023-11-01"));
    const to = Date.parse("2024-03-20");
    const report = await play(ladder.client("admin"), recipe, rows, { from, to, onProgress: () => {} });
    expect(report).toMatchObject({ number: { tolerance: 3, unit: "°C" }, questions: expect.any(Number) });
    // Thin does not know the place; the head of a place does.
    const [global, regional] = [report.heads.global?.number, report.heads.regional?.number];
    expect(global?.mae).toBeGreaterThan(3);
    expect(regional?.mae).toBeLessThan(2.3);
    expect(report.ladder?.mae).toBeLessThan(2.3);
    expect(report.ladder?.interval?.coverage).toBeGreaterThan(0.75);
    expect(report.gains.regional).toMatchObject({ regions: 2, better: 2 });
    const text = describeReport(report);
    expect(text).toMatch(/^answered by +MAE, °C +RMSE, °C +within 3 °C +90\.0% interval covers +its length, °C$/m);
    expect(text).toMatch(/^ladder +[012]\.\d{3} /m);
    expect(text).toMatch(/^north +\d+ +\d\.\d{3} .*(pending|valid)$/m);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  }, 300_000);

  it("are asked and taught from the command line", async () => {
    const instance = JSON.stringify({ place: "north", day: "2024-05-02", a: 0.5, b: 0 });
    const text = await upriver("ask", model, instance);
    expect(text).toMatch(
      /^\d+(\.\d+)? °C \(within 3: \d+\.\d%; 90\.0% of truths lie in \d+(\.\d+)? to \d+(\.\d+)?\) by/,
    );
    const { id } = JSON.parse(await upriver("ask", model, instance, "--json"));
    expect(await upriver("teach", id, "28.50")).toBe(`${id}: 28.5, by truth\n`);
    await expect(upriver("teach", id, "hot")).rejects.toThrow(/a finite number, such as 24\.5/);
    expect(await upriver("why", id)).toMatch(/label +28\.5, by truth/);
  });

  it("are learned by the origin from the regions' samples, with the same bins", async () => {
    const publisher = ladder.client("publish");
    const { id } = await publisher.startTraining(model, { canary: null, gate: false });
    let training = await publisher.training(model, id);
    while (training.endedAt === null) training = await publisher.training(model, id, { waitSeconds: 5 });
    expect(training, `${training.reason}`).toMatchObject({ state: "done", version: 2 });
    const [first, second] = [
      classifying(await publisher.manifest(model, 1)),
      classifying(await publisher.manifest(model, 2)),
    ];
    expect(second.number).toEqual(first.number);
    expect(second.trainedOn.sources.truth).toBeGreaterThan(100);
  }, 180_000);
});
