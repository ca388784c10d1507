import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import type * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Tensor } from "#core/model/engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { createModel, createModelOf, recipeOfCreated } from "#origin/import/create.ts";
import { teachableMetadata } from "#origin/import/teachable.ts";
import { expectClose } from "#test/helpers/close.ts";
import { cutScores } from "#test/helpers/cut-scores.ts";
import { layerModels, onCpu, plainly, valuesFor } from "#test/helpers/layer-models.ts";
import { saveLayersModel } from "#test/helpers/saved-model.ts";

const labels = ["a", "b", "c"];
const rows = 3;

let folder: string;
let model: layers.LayersModel;
let base: string;
beforeAll(async () => {
  await tfjsEngine();
  folder = await mkdtemp(join(tmpdir(), "upriver-keep-"));
  model = await onCpu(layerModels["a model as the last layer"]);
  base = await onCpu(() => saveLayersModel(model, join(folder, "base")));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = () => ({ model: "kept", base, labels, keepHead: true, targetRisk: 0.05 });

it("keeps the scores of the whole model, and accepts nothing yet", async () => {
  const { draft, blobs } = await createModel(options());
  expect(draft.thin.rule.certificate).toBeNull();
  const given = valuesFor(model, rows);
  const [input] = Object.values(given) as [Tensor];
  expectClose([await cutScores(draft.thin, blobs, input)], await plainly(model, given));
});

it("is in the recipe, which makes the same version", async () => {
  const recipe = recipeOfCreated(options(), folder);
  expect(recipe.source).toEqual({ base: "base/model.json", keepHead: true });
  const [made, again] = [await createModel(options()), await createModelOf(recipe, folder)];
  expect(again.draft.thin.head).toEqual(made.draft.thin.head);
  const untrained = await createModel({ ...options(), keepHead: false });
  expect(untrained.draft.thin.head).not.toEqual(made.draft.thin.head);
  expect(untrained.draft.thin.backbone.embedding).toEqual(made.draft.thin.backbone.embedding);
});

it("needs as many labels as the last layer has classes", async () => {
  await expect(createModel({ ...options(), labels: ["a", "b"] })).rejects.toThrow("2 labels");
});

it("reads labels and scaling of a Teachable Machine image export, and of nothing else", async () => {
  expect(await teachableMetadata(join(folder, "base"))).toBeNull();
  const write = (json: object) => writeFile(join(folder, "base/metadata.json"), JSON.stringify(json));
  await write({ packageName: "@teachablemachine/pose", labels });
  expect(await teachableMetadata(base)).toBeNull();
  await write({ packageName: "@teachablemachine/image", labels, imageSize: 224 });
  for (const path of [base, join(folder, "base")]) {
    expect(await teachableMetadata(path)).toEqual({ labels, scale: 1 / 127, offset: -1 });
  }
});
