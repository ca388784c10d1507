import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifying } from "#core/artefacts.ts";
import type { Answer, Input, Instance } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { encode, inputShapes } from "#core/input/index.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import { exampleRecipe, type Row } from "#origin/recipes/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { bin, root } from "#scripts/local/process.ts";
import { denseGraph } from "../helpers/dense-graph.ts";
import { saveLayersModel, saveNetwork } from "../helpers/saved-model.ts";
import { temporaryLadder } from "./ladder.ts";

const recipe = exampleRecipe("storefront");
const questions = 60;
const trainedRows = 3_000;

let ladder: LocalLadder & { folder: string };
let set: string;
let later: Row[];
let inputs: { full: Input; thin: Input };
const trained: Record<string, layers.LayersModel> = {};

beforeAll(async () => {
  set = join(await mkdtemp(join(tmpdir(), "upriver-imported-")), "set");
  const exported = promisify(execFile)(bin("node"), [
    join(root, "scripts/cli.ts"),
    "export",
    "storefront",
    "--out",
    set,
  ]);
  [ladder] = await Promise.all([temporaryLadder(), startBackend(), exported]);
  inputs = JSON.parse(await readFile(join(set, "input.json"), "utf8"));
  const cut = Date.parse(recipe.trainBefore as string);
  const rows = await recipe.load({});
  later = rows.filter(({ at }) => at >= cut);
  const before = rows.filter(({ at }) => at < cut);
  const chosen = shuffled(before.length, seededRandom(6)).slice(0, trainedRows);
  const own = Array.from(chosen, (row) => before[row] as Row);
  trained.thin = await trainElsewhere(inputs.thin, [24, 16], own);
  trained.full = await trainElsewhere(inputs.full, [48, 24], own);
});
afterAll(async () => {
  await ladder?.stop();
  await rm(dirname(set), { recursive: true, force: true });
});

describe("networks that another program trained", () => {
  it("are published as one version, thin in the layers format and full as a graph", async () => {
    const thin = await saveLayersModel(trained.thin as layers.LayersModel, join(ladder.folder, "thin"));
    const graph = denseGraph(trained.full as layers.LayersModel);
    const full = await saveNetwork(graph as Parameters<typeof saveNetwork>[0], join(ladder.folder, "full"));
    const input = join(set, "input.json");
    const { stdout } = await upriver(
      ...["publish", "storefront", "--thin", thin, "--full", full, "--input", input, "--json"],
    );
    const published = JSON.parse(stdout);
    expect(published).toMatchObject({ model: "storefront", version: 1, pointer: { stable: 1 } });
    const [ofThin, ofFull] = published.networks;
    expect(ofThin.accuracy).toBeGreaterThan(0.6);
    expect(ofFull.accuracy).toBeGreaterThan(ofThin.accuracy + 0.03);
    expect(Math.min(ofThin.covered, ofFull.covered)).toBeGreaterThan(0);
    const manifest = classifying(await ladder.client("ask").manifest("storefront", 1));
    expect([manifest.thin.backbone.kind, manifest.full?.backbone.kind]).toEqual([
      ...["tfjs-layers-model", "tfjs-graph-model"],
    ]);
    expect(manifest.prior).not.toBeNull();
  });

  it("predict the same labels as in that program, thin at the edge and full at the origin", async () => {
    const every = Math.floor(later.length / questions);
    const asked = later.filter((_, i) => i % every === 0).slice(0, questions);
    const rungs = { edge: 0, origin: 0 };
    const client = ladder.client("ask");
    const answers = await Promise.all(asked.map(({ instance }) => client.ask("storefront", instance)));
    for (const [i, { instance, region }] of asked.entries()) {
      const answer = answers[i] as Answer;
      if (!answer.accepted || (answer.rung !== "edge" && answer.rung !== "origin")) continue;
      rungs[answer.rung]++;
      expect(answer.label).toBe(labelOf(answer.rung === "edge" ? "thin" : "full", instance, region));
    }
    expect(rungs.edge).toBeGreaterThan(questions / 10);
    expect(rungs.origin).toBeGreaterThan(questions / 10);
  });

  it("may lack a full network: the edge answers what it accepts and a person the rest", async () => {
    const thin = join(ladder.folder, "thin");
    await upriver("publish", "storefront", "--thin", thin, "--input", join(set, "input.json"), "--weights", "uint8");
    const manifest = classifying(await ladder.client("ask").manifest("storefront", 2));
    expect(manifest.full).toBeNull();
    const asked = later.slice(0, questions / 3);
    const rungs = async () => {
      const answers = await Promise.all(asked.map(({ instance }) => ladder.client("ask").ask("storefront", instance)));
      return new Set(answers.map(({ rung, status, version }) => `${status === "answered" ? rung : status} ${version}`));
    };
    // The origin caches the stable version for some seconds.
    await expect.poll(rungs).toEqual(new Set(["edge 2", "open 2"]));
  });

  it("are refused when they do not fit the input, and nothing is published", async () => {
    const thin = join(ladder.folder, "thin/model.json");
    const refused = (...args: string[]) =>
      upriver("publish", "storefront", ...args).then(
        () => "published",
        ({ stderr }: { stderr: string }) => stderr,
      );
    // Full also takes the region, which is not an input of thin.
    const full = join(ladder.folder, "full/model.json");
    const messages = await Promise.all([
      refused("--full", thin),
      refused("--thin", thin, "--input", join(set, "dataset.json")),
      refused("--thin", full, "--input", join(set, "input.json")),
    ]);
    expect(messages[0]).toContain("--weights need --thin");
    expect(messages[1]).toContain("is not an input description");
    expect(messages[2]).toMatch(/shape \[.*\].*\[.*\]/);
    expect((await ladder.client("ask").versions("storefront")).versions).toHaveLength(2);
  });
});

async function trainElsewhere(input: Input, widths: number[], rows: Row[]): Promise<layers.LayersModel> {
  const [shape] = inputShapes(input) as [number[]];
  const model = layers.sequential({
    layers: [
      ...widths.map((units, i) => {
        const kernelInitializer = layers.initializers.heNormal({ seed: i + 1 });
        return layers.layers.dense({
          ...{ units, activation: "relu" as const, kernelInitializer },
          ...(i === 0 ? { inputShape: shape } : {}),
        });
      }),
      layers.layers.dense({
        ...{ units: recipe.labels.length, activation: "softmax" as const },
        kernelInitializer: layers.initializers.glorotNormal({ seed: 9 }),
      }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.01), loss: "categoricalCrossentropy" });
  const classes = tf.tensor1d(
    rows.map(({ label }) => recipe.labels.indexOf(label)),
    "int32",
  );
  const encodedRows = rows.map(({ instance, region }) => encoded(input, instance, region));
  const width = encodedRows[0]?.length as number;
  const values = tf.tensor2d(Float32Array.from(encodedRows.flatMap((row) => [...row])), [rows.length, width]);
  await model.fit(values, tf.oneHot(classes, recipe.labels.length), {
    ...{ epochs: 10, batchSize: 128, verbose: 0, shuffle: false },
  });
  return model;
}

function encoded(input: Input, instance: Instance, region: string): Float32Array {
  const values = encode(input, instance, { region });
  if (!values.ok) throw new Error(JSON.stringify(values.error));
  return values.value;
}

function labelOf(name: "thin" | "full", instance: Instance, region: string): string {
  const scores = trained[name]?.predict(tf.tensor([[...encoded(inputs[name], instance, region)]])) as tf.Tensor;
  return recipe.labels[argMax(scores.dataSync())] as string;
}

function upriver(...args: string[]) {
  const env = { ...process.env, UPRIVER_FOLDER: ladder.folder };
  return promisify(execFile)(bin("node"), [join(root, "scripts/cli.ts"), ...args], { env });
}
