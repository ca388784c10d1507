import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import type * as layers from "@tensorflow/tfjs-layers";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AskOptions } from "#client/index.ts";
import type { Answer, Nested, TensorRecipe } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { inspect } from "#origin/import/inspect.ts";
import { importModelOf, writeRecipe } from "#origin/import/recipe.ts";
import { findDocument } from "#origin/recipes/index.ts";
import { bin, root } from "#scripts/local/process.ts";
import { expectClose } from "../helpers/close.ts";
import { onCpu } from "../helpers/layer-models.ts";
import { seeded } from "../helpers/random.ts";
import { saveTeachable, teachableModel, teachableSize } from "../helpers/teachable-machine.ts";
import { rolloutOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const labels = ["rose", "tulip", "nothing, yet"];

let ladder: SharedLadder;
let folder: string;
let model: layers.LayersModel;

beforeAll(async () => {
  [ladder, folder] = await Promise.all([sharedLadder(), mkdtemp(join(tmpdir(), "upriver-teachable-"))]);
  await startBackend();
  model = await onCpu(() => teachableModel(labels.length));
  await onCpu(() => saveTeachable(model, labels, join(folder, "flowers")));
});
afterAll(async () => {
  ladder?.check();
  await rm(folder, { recursive: true, force: true });
});

describe("a Teachable Machine image export", () => {
  it("is imported, published and gives the outputs of plain TensorFlow.js", async () => {
    const files = await readModelFiles(join(folder, "flowers"));
    const inspection = await inspect(files);
    expect(inspection).toMatchObject({ unsupported: [], batch: true, outputs: [{ name: "sequential_3", shape: [3] }] });
    const { document } = await findDocument(await writeRecipe(files, inspection, "flowers", folder), folder);
    await rolloutOn(ladder, await importModelOf(document as TensorRecipe, folder));
    const pixels = await pixelsOf(await picture("red", 1));
    const instance = nested(pixels.map((value) => value / 127 - 1));
    const [answer] = await ladder.client("ask").infer("flowers", [instance]);
    expectClose([answer?.outputs.sequential_3 as number[]], [await plainScores(pixels)]);
  });

  it("answers a JPEG with its own labels, and the scores of plain TensorFlow.js", async () => {
    const base = join(folder, "flowers");
    expect(await upriver("create", "garden", "--base", base, "--keep-head")).toMatchObject({ version: 1 });
    for (const [i, colour] of ["red", "blue"].entries()) {
      const file = await picture(colour, i);
      const answer = await askWith("garden", file);
      const expected = await plainScores(await pixelsOf(file));
      expect(answer.label).toBe(labels[argMax(expected)]);
      const scores = labels.map((label) => answer.scores?.[label] as number);
      // Decoders of JPEG round differently.
      for (const [k, score] of scores.entries()) expect(Math.abs(score - (expected[k] as number))).toBeLessThan(0.01);
    }
  });

  it("is a base that learns other labels from JPEGs", async () => {
    const base = join(folder, "flowers");
    const made = await upriver("create", "shades", "--base", base, "--labels", "red,blue");
    expect(made).toMatchObject({ tensor: expect.stringContaining("Dense"), width: 100 });
    const shown = (from: number, count: number) =>
      ["red", "blue"].flatMap((label) => Array.from({ length: count }, (_, i) => ({ label, i: from + i })));
    // Before the first label, since a question that the edge accepts may not be stored.
    const asked = await Promise.all(
      shown(10, 6).map(async ({ label, i }) => {
        const { id } = await askWith("shades", await picture(label, i), {});
        return { id, label };
      }),
    );
    for (const { id, label } of asked) await ladder.client("teach").teach(id, label);
    const right = async () => {
      const answers = shown(100, 2).map(async ({ label, i }) => [
        (await askWith("shades", await picture(label, i))).label,
        label,
      ]);
      return (await Promise.all(answers)).filter(([found, label]) => found === label).length;
    };
    await expect.poll(right, { timeout: 60_000, interval: 2_000 }).toBeGreaterThanOrEqual(3);
  });
});

async function upriver(verb: string, ...args: string[]) {
  const { edge, tokens, signingKey } = ladder.credentials;
  const env = {
    ...process.env,
    UPRIVER_URL: edge,
    UPRIVER_TOKEN: tokens.publish,
    SIGNING_KEY: JSON.stringify(signingKey),
  };
  const { stdout } = await promisify(execFile)(bin("node"), [join(root, "scripts/cli.ts"), verb, ...args, "--json"], {
    cwd: folder,
    env,
  });
  return JSON.parse(stdout);
}

async function askWith(name: string, file: string, options: AskOptions = { accept: "always" }): Promise<Answer> {
  return ladder.client("teach").ask(name, { bytes: await readFile(file), type: "image/jpeg" }, options);
}

/** Writes a smooth picture of mostly one colour, as a JPEG of the export's size. */
async function picture(colour: string, i: number): Promise<string> {
  const random = seeded(100 + i);
  const [strong, weak, green] = [150 + 100 * random(), 90 * random(), 120 * random()];
  const data = Uint8Array.from({ length: teachableSize ** 2 * 3 }, (_, at) => {
    const [channel, column] = [at % 3, Math.floor(at / 3) % teachableSize];
    const shade = 1 - (0.4 * column) / teachableSize;
    return shade * (channel === 1 ? green : (channel === 0) === (colour === "red") ? strong : weak);
  });
  const raw = { width: teachableSize, height: teachableSize, channels: 3 as const };
  const path = join(folder, `${colour}-${i}.jpg`);
  await writeFile(path, await sharp(data, { raw }).jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer());
  return path;
}

async function pixelsOf(file: string): Promise<number[]> {
  return [
    ...(await sharp(await readFile(file))
      .removeAlpha()
      .raw()
      .toBuffer()),
  ];
}

function nested(values: readonly number[]): Nested[] {
  const rows = Array.from({ length: teachableSize }, (_, y) =>
    Array.from({ length: teachableSize }, (_, x) => {
      const at = 3 * (y * teachableSize + x);
      return values.slice(at, at + 3);
    }),
  );
  return rows;
}

// As Teachable Machine's library scales pixels.
function plainScores(pixels: readonly number[]): Promise<number[]> {
  return onCpu(() => {
    const input = tf.tensor4d(
      Float32Array.from(pixels, (value) => value / 127 - 1),
      [1, teachableSize, teachableSize, 3],
    );
    return Array.from((model.predict(input) as tf.Tensor).dataSync());
  });
}
