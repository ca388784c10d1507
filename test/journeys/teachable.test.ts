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
import type { Answer, Nested } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { bin, root } from "#scripts/local/process.ts";
import { expectClose } from "../helpers/close.ts";
import { onCpu } from "../helpers/layer-models.ts";
import { seeded } from "../helpers/random.ts";
import { saveTeachable, teachableModel, teachableSize } from "../helpers/teachable-machine.ts";
import { type SharedLadder, sharedLadder } from "./ladder.ts";

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
    const { models } = await upriver("import", join(folder, "flowers"));
    expect(models[0]).toMatchObject({ refused: null, inspection: { outputs: [{ name: "sequential_3", shape: [3] }] } });
    await upriver("publish", "flowers.recipe.json");
    const pixels = await pixelsOf(await picture("left", 1));
    const instance = nested(pixels.map((value) => value / 127 - 1));
    const [answer] = await ladder.client("ask").infer("flowers", [instance]);
    expectClose([answer?.outputs.sequential_3 as number[]], [await plainScores(pixels)]);
  });

  it("answers a JPEG with its own labels, and the scores of plain TensorFlow.js", async () => {
    const base = join(folder, "flowers");
    expect(await upriver("create", "garden", "--base", base, "--keep-head")).toMatchObject({ version: 1 });
    for (const [i, side] of ["left", "right"].entries()) {
      const file = await picture(side, i);
      const answer = (await upriver("ask", "garden", file)) as Answer;
      const expected = await plainScores(await pixelsOf(file));
      expect(answer.label).toBe(labels[argMax(expected)]);
      const scores = labels.map((label) => answer.scores?.[label] as number);
      // Decoders of JPEG round differently.
      for (const [k, score] of scores.entries()) expect(Math.abs(score - (expected[k] as number))).toBeLessThan(0.01);
    }
  });

  it("is a base that learns other labels from JPEGs", async () => {
    const base = join(folder, "flowers");
    const made = await upriver("create", "shades", "--base", base, "--labels", "left,right");
    expect(made).toMatchObject({ tensor: expect.stringContaining("Dense"), width: 100 });
    for (const side of ["left", "right"]) {
      const files = await Promise.all(Array.from({ length: 12 }, (_, i) => picture(side, 10 + i)));
      expect(await upriver("teach", "shades", side, ...files)).toMatchObject({ taught: 12 });
    }
    const asked = { bytes: await readFile(await picture("left", 99)), type: "image/jpeg" };
    await expect
      .poll(async () => (await ladder.client("ask").ask("shades", asked)).version, { timeout: 30_000 })
      .not.toBe("1");
    for (const side of ["left", "right"]) {
      const answers = await Promise.all(
        Array.from({ length: 5 }, async (_, i) => upriver("ask", "shades", await picture(side, 200 + i))),
      );
      expect(answers.filter(({ label }) => label === side).length).toBeGreaterThanOrEqual(4);
    }
  });
});

async function upriver(verb: string, ...args: string[]) {
  const { edge, tokens } = ladder.credentials;
  const token = {
    import: tokens.ask,
    publish: tokens.publish,
    create: tokens.publish,
    teach: tokens.teach,
    ask: tokens.ask,
  };
  const env = { ...process.env, UPRIVER_URL: edge, UPRIVER_TOKEN: token[verb as keyof typeof token] };
  const { stdout } = await promisify(execFile)(bin("node"), [join(root, "scripts/cli.ts"), verb, ...args, "--json"], {
    env,
    cwd: folder,
    maxBuffer: 1e8,
  });
  return JSON.parse(stdout);
}

/** Writes a smooth picture, brighter on one side, as a JPEG of the export's size. */
async function picture(side: string, i: number): Promise<string> {
  const random = seeded(100 + i);
  const [red, blue] = [60 + 120 * random(), 60 + 120 * random()];
  const data = Uint8Array.from({ length: teachableSize ** 2 * 3 }, (_, at) => {
    const [channel, column] = [at % 3, Math.floor(at / 3) % teachableSize];
    const bright = side === "left" ? 1 - column / teachableSize : column / teachableSize;
    return channel === 1 ? 230 * bright : (channel === 0 ? red : blue) * 0.8;
  });
  const raw = { width: teachableSize, height: teachableSize, channels: 3 as const };
  const path = join(folder, `${side}-${i}.jpg`);
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
