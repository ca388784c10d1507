import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type ClassifyManifest, manifestSchema } from "#core/contract/index.ts";
import { decodeSums, labelsIn, sharesIn } from "#core/head/sums.ts";
import { taskOf } from "#core/task/index.ts";
import { exportSet } from "#origin/export/index.ts";
import { compareVersions } from "#origin/learn/compare.ts";
import { learn } from "#origin/learn/index.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { isComplete } from "#origin/recipes/resolve.ts";
import { storedRecipe } from "#origin/recipes/stored.ts";
import { reportOn } from "#origin/report/index.ts";
import { searchThin, type ThinCandidate } from "#origin/thin/search.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { encodeRows, labelsOf } from "#origin/train/dataset.ts";
import { type TrainedModel, train } from "#origin/train/index.ts";
import { withBins } from "#origin/train/numbers.ts";
import { readFrom, scoreDataset } from "#origin/train/score.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { numberRecipe } from "#test/helpers/number-rows.ts";

describe("training on numbers", () => {
  let recipe: Recipe;
  let model: TrainedModel;
  beforeAll(async () => {
    recipe = await numberRecipe(1_600);
    model = await train(recipe, { before: "2023-06-01", backend: "wasm" });
  });

  const manifestOf = ({ draft }: TrainedModel): ClassifyManifest => ({
    ...draft,
    ...{ version: 1, parent: null, createdAt: "2026-01-01T00:00:00.000Z" },
  });

  it("makes a manifest whose bins, readings and certificate are complete", () => {
    const manifest = manifestOf(model);
    expect(manifestSchema.safeParse(manifest).error).toBeUndefined();
    expect(manifest).toMatchObject({
      task: "regress",
      number: { tolerance: 3, coverage: 0.9, unit: "°C" },
      anchor: null,
    });
    expect(manifest.labels).toHaveLength((manifest.number?.bins.edges.length ?? 0) - 1);
    expect(manifest.full?.rule.certificate).toMatchObject({ targetRisk: 0.1, scope: "global" });
  });

  it("predicts later numbers about as well as the noise allows, with intervals that cover them", async () => {
    const later = (await recipe.load({})).filter(({ at }) => at >= Date.parse("2023-06-01"));
    const known = withBins(recipe, [], model.draft);
    for (const [name, mae] of [
      ["full", 1.1],
      ["thin", 4.3],
    ] as const) {
      const spec = model.draft[name] ?? model.draft.thin;
      const data = encodeRows(known, spec.input, later);
      const scores = await scoreDataset(spec, readFrom(model.blobs), data);
      const metrics = taskOf(known).evaluate(scores, labelsOf(data), spec.reading);
      expect(metrics.number?.mae).toBeLessThan(mae);
      expect(metrics.number?.interval?.coverage).toBeGreaterThan(0.84);
      expect(metrics.number?.interval?.coverage).toBeLessThan(0.97);
      const task = taskOf(known);
      const graded = scores.map((row, i) => task.grade(row, labelsOf(data)[i] ?? 0, spec.reading));
      const confidence = graded.reduce((sum, one) => sum + one.confidence, 0) / graded.length;
      expect(Math.abs(confidence - metrics.accuracy)).toBeLessThan(0.06);
      const accepted = graded.filter((one) => one.confidence >= spec.rule.threshold);
      if (spec.rule.certificate)
        expect(accepted.filter(({ right }) => !right).length).toBeLessThan(0.13 * accepted.length);
    }
  });

  it("packs sums of soft labels as the prior, and no recall to keep", () => {
    const { prior, thin } = model.draft;
    const bytes = model.blobs.get(prior?.blob.sha256 ?? "") as Uint8Array<ArrayBuffer>;
    const sums = decodeSums(thin.head.width, thin.head.classes, bytes.slice().buffer);
    expect(sharesIn(sums)).toBe(256);
    expect(labelsIn(sums)).toBe(model.draft.trainedOn.rows);
  });

  it("serve a search for a thinner network, which keeps the bins", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-thin-numbers-"));
    const splits = assignSplits(recipe, (await recipe.load({})).slice(0, 2_400));
    const { candidates, adopt } = await searchThin(recipe, splits, model, {
      ...{ widths: [0.5], prunes: [0], weights: ["float16"], backend: "wasm", checkpoints: new Checkpoints(folder) },
    });
    expect(candidates[0]?.accuracy).toBeGreaterThan(0.2);
    const { draft } = await adopt(candidates[0] as ThinCandidate);
    expect(draft).toMatchObject({ task: "regress", number: model.draft.number });
    expect(draft.thin.reading).not.toEqual(model.draft.thin.reading);
    await rm(folder, { recursive: true });
  });

  it("are exported with their bins", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-export-numbers-"));
    const splits = assignSplits(recipe, (await recipe.load({})).slice(0, 2_400));
    await exportSet(recipe, splits, folder);
    const dataset = JSON.parse(await readFile(join(folder, "dataset.json"), "utf8"));
    expect(dataset.number).toMatchObject({ tolerance: 3, bins: { sigma: 0.75 } });
    expect(dataset.labels).toHaveLength(dataset.number.bins.edges.length - 1);
    await rm(folder, { recursive: true });
  });

  it("reports errors of numbers, not classes", async () => {
    const report = await reportOn(model.result);
    const [full] = report.networks;
    expect(full).toMatchObject({ confusion: null, classes: [], balancedAccuracy: null, averagePrecision: null });
    expect(full?.metrics.number?.rmse).toBeGreaterThan(full?.metrics.number?.mae ?? 9);
    expect(Object.keys(full?.charts ?? {})).toEqual(["loss", "calibration", "risk"]);
    expect(model.draft.metrics.thin.number?.interval?.coverage).toBeGreaterThan(0.8);
  });

  it("stores the recipe and its rows with the version, so that any origin trains it", async () => {
    const stored = model.draft.recipe;
    const text = new TextDecoder().decode(model.blobs.get(stored?.document.sha256 ?? ""));
    const document = JSON.parse(text);
    expect(document).toMatchObject({ task: "regress", tolerance: 3, unit: "°C", label: { column: "heat" } });
    expect(isComplete(document) && (await storedRecipe(document, [])).numbers).toEqual(recipe.numbers);
  });

  it("keeps the bins when it learns from regions, and compares both versions by them", async () => {
    const { thin: spec, labels, number, splits, trainedOn } = model.draft;
    const current = {
      spec,
      blobs: model.blobs,
      trained: { labels, trainedOn, ...(number ? { number } : {}), ...(splits ? { splits } : {}) },
    };
    const rows = (await recipe.load({})).slice(0, 50);
    const samples = rows.map(({ region, instance, at }, i) => ({
      ...{
        region,
        id: `heat~${region}~${i}`,
        revision: i + 1,
        instance,
        label: i === 0 ? "warm" : "21.5",
        at,
        labelledAt: at,
      },
      ...({ source: "truth", split: "train", groupKey: "1", inclusionProbability: null } as const),
    }));
    const { artefact, verdict } = await learn(recipe, {
      samples,
      current,
      stored: null,
      backend: "wasm",
      before: "2023-06-01",
    });
    expect(artefact.draft.number).toEqual(number);
    expect(artefact.draft.labels).toEqual(labels);
    expect(artefact.draft.trainedOn.sources.truth).toBeGreaterThan(0);
    expect(verdict?.questions).toBeGreaterThan(0);
  });

  it("refuses a worse version by the same gate", async () => {
    const short = { ...withBins(recipe, [], model.draft), training: { ...recipe.training, epochs: 1 } };
    const worse = await train(short, { before: "2020-10-01", backend: "wasm" });
    const known = withBins(recipe, [], model.draft);
    const { validation: rows, groups } = assignSplits(recipe, await recipe.load({}));
    const sourceOf = ({ draft, blobs }: TrainedModel) => ({ spec: draft.thin, read: readFrom(blobs) });
    const verdict = await compareVersions(known, { rows, groups: groups.validation }, sourceOf(model), sourceOf(worse));
    expect(verdict.promoted).toBe(false);
  });
});

it("refuses fields that the task does not have, and numbers that are all the same", async () => {
  await expect(numberRecipe(30, { task: "classify" })).rejects.toThrow(/'tolerance' is for numbers/);
  await expect(numberRecipe(30, { risk: { target: 0.1, perClass: ["3"] } })).rejects.toThrow(/remove risk\.perClass/);
  const recipe = await numberRecipe(30);
  const rows = (await recipe.load({})).map(({ region, instance, at }) => ({ region, instance, at, label: "5" }));
  expect(() => withBins(recipe, rows)).toThrow(/'heat' has the same number in all/);
});
