import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as layers from "@tensorflow/tfjs-layers";
import { encode as encodePng } from "fast-png";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { bin, root } from "#scripts/local/process.ts";
import { graphNetwork } from "../helpers/image-networks.ts";
import { seeded } from "../helpers/random.ts";
import { saveLayersModel, saveNetwork } from "../helpers/saved-model.ts";
import { type SharedLadder, sharedLadder } from "./ladder.ts";

let ladder: SharedLadder;
let folder: string;

beforeAll(async () => {
  ladder = await sharedLadder();
  folder = await mkdtemp(join(tmpdir(), "upriver-own-"));
});
afterAll(async () => {
  ladder?.check();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a verb of the command line in the folder, with a token of the scope that the verb needs. */
async function upriver(...args: string[]) {
  const { edge, tokens, signingKey } = ladder.credentials;
  const [verb = ""] = args;
  const token = ["publish", "create"].includes(verb) ? tokens.publish : tokens.teach;
  const env = { ...process.env, UPRIVER_URL: edge, UPRIVER_TOKEN: token, SIGNING_KEY: JSON.stringify(signingKey) };
  const { stdout } = await promisify(execFile)(bin("node"), [join(root, "scripts/cli.ts"), ...args, "--json"], {
    cwd: folder,
    env,
  });
  return JSON.parse(stdout);
}

describe("a model made elsewhere, on the command line", () => {
  it("is imported with its cost in workerd, published and asked", async () => {
    const path = await saveNetwork(graphNetwork("float16"), join(folder, "My Graph"));
    const { models } = await upriver("import", path);
    expect(models).toMatchObject([{ model: "my-graph", refused: null, recipe: "my-graph.recipe.json" }]);
    expect(models[0].cost.ms).toBeGreaterThanOrEqual(0);
    expect(models[0].cost.heap).toBeGreaterThan(1e6);
    expect(await upriver("publish", "my-graph.recipe.json")).toMatchObject({ model: "my-graph", version: 1 });
    const { outputs } = await upriver("ask", "my-graph");
    expect(outputs.Identity).toHaveLength(4);
  });

  it("is refused when the edge cannot run it, and no recipe is written", async () => {
    const network = graphNetwork();
    const text = JSON.stringify(network.modelJson).replaceAll('"op":"Tanh"', '"op":"Hologram"');
    const path = await saveNetwork({ ...network, modelJson: JSON.parse(text) }, join(folder, "odd"));
    const failed = await upriver("import", path).catch((error: { code: number; stdout: string }) => error);
    expect(failed.code).toBe(1);
    const [odd] = JSON.parse(failed.stdout).models;
    expect(odd).toMatchObject({ recipe: null, refused: expect.stringContaining("Hologram in 'tanh'") });
  });

  it("becomes an image classifier that learns from labelled files", async () => {
    await startBackend();
    const base = await saveLayersModel(randomBase(), join(folder, "base"));
    expect(await upriver("create", "sides", "--base", base, "--labels", "left,right")).toMatchObject({ version: 1 });
    for (const label of ["left", "right"]) {
      const files = await Promise.all(Array.from({ length: 16 }, (_, i) => pictureFile(label, i)));
      expect(await upriver("teach", "sides", label, ...files)).toMatchObject({ taught: 16, changed: 16 });
    }
    const asked = await pictureFile("left", 99);
    const picture = { bytes: await readFile(asked), type: "image/png" };
    await expect.poll(async () => (await ladder.client("ask").ask("sides", picture)).version).not.toBe("1");
    const answer = await upriver("ask", "sides", asked);
    expect([answer.label, answer.version]).toEqual(["left", expect.stringMatching(/^1\+world\.\d+$/)]);
    // A phone's photo is scaled down before it is sent, and turned upright.
    const photo = join(folder, "photo.jpg");
    const right = sharp(await readFile(await pictureFile("right", 98)));
    const large = await right.resize(3_000, 4_000, { fit: "fill", kernel: "nearest" }).rotate(180).toBuffer();
    await sharp(large).withMetadata({ orientation: 3 }).jpeg().toFile(photo);
    // A head of the first label alone may have come first.
    await expect.poll(async () => (await upriver("ask", "sides", photo)).label).toBe("right");
    expect(await upriver("teach", "sides", "right", photo)).toMatchObject({ taught: 1, changed: 1 });
  });
});

/** Returns a base with random weights; its embedding still separates left from right. */
function randomBase(): layers.LayersModel {
  const kernelInitializer = layers.initializers.glorotUniform({ seed: 3 });
  const conv = { filters: 4, kernelSize: 3, activation: "relu" as const, inputShape: [8, 8, 3], kernelInitializer };
  return layers.sequential({
    layers: [
      layers.layers.conv2d(conv),
      layers.layers.flatten(),
      layers.layers.dense({ units: 16, activation: "tanh", kernelInitializer }),
      layers.layers.dense({ units: 5, activation: "softmax", kernelInitializer }),
    ],
  });
}

const random = seeded(5);

async function pictureFile(label: string, i: number): Promise<string> {
  const bright = (column: number) => (column < 4 === (label === "left") ? 150 : 0);
  const data = Uint8Array.from(
    { length: 8 * 8 * 3 },
    (_, at) => bright(Math.floor(at / 3) % 8) + Math.floor(40 * random()),
  );
  const path = join(folder, `${label}-${i}.png`);
  await writeFile(path, encodePng({ width: 8, height: 8, channels: 3, data }));
  return path;
}
