import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import sharp from "sharp";
import { UpriverClient } from "#client/index.ts";
import type { Input } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom } from "#origin/random.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { makeSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { bundle, settingsOf, startWorkerd } from "../local/workerd.ts";
import { benchArtefact, benchModel } from "./model.ts";

interface Options {
  seconds: number;
  rounds: number;
  json?: boolean;
}

const side = 224;
const pictures = [
  { name: "224 × 224", width: side, height: side, progressive: false },
  { name: "4 megapixels", width: 2_304, height: 1_728, progressive: false },
  { name: "12 megapixels", width: 4_000, height: 3_000, progressive: false },
  { name: "12 megapixels, progressive", width: 4_000, height: 3_000, progressive: true },
];

/** `bench pictures`: measures JPEGs per second at an edge, for a model of 224 × 224 pixels. */
export function picturesBench(program: Command): void {
  program
    .command("pictures")
    .description(
      "measure JPEGs of several sizes per second at the edge, for a model of 224 × 224 pixels, one at a time",
    )
    .option("--seconds <n>", "duration of each size", numberParser("--seconds", { above: 0 }), 4)
    .option(
      "--rounds <n>",
      "rounds of all; medians are printed",
      numberParser("--rounds", { atLeast: 1, isWhole: true }),
      3,
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ seconds, rounds, json }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const port = await freePort();
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const bindings = { ...(await settingsOf(bundled)), ...vars };
  const edge = await startWorkerd({ bundled, state: folder, port, bindings });
  try {
    await publishOn(credentials.edge, credentials);
    const files = await Promise.all(pictures.map(photo));
    const found = pictures.map(() => [] as number[]);
    // Round 0 warms up and is not counted.
    for (let round = 0; round <= rounds; round++) {
      for (const [i, file] of files.entries()) {
        const perSecond = await askFor(round === 0 ? 1 : seconds, file, credentials);
        if (round > 0) found[i]?.push(perSecond);
      }
    }
    const results = pictures.map(({ name }, i) => ({
      name,
      bytes: files[i]?.length ?? 0,
      perSecond: median(found[i] as number[]),
    }));
    printResult(json, { results }, () =>
      formatTable([
        ["JPEG", "kB", "per second"],
        ...results.map(({ name, bytes, perSecond }) => [
          ...[name, Math.round(bytes / 1_000)],
          perSecond === 0 ? "refused" : perSecond.toFixed(1),
        ]),
      ]),
    );
  } finally {
    await edge.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns pictures per second; 0 if they are refused. */
async function askFor(
  seconds: number,
  body: Buffer<ArrayBuffer>,
  { edge, tokens }: { edge: string; tokens: { ask: string } },
): Promise<number> {
  const headers = { authorization: `Bearer ${tokens.ask}`, "content-type": "image/jpeg" };
  const startedAt = performance.now();
  for (let n = 1; ; n++) {
    const response = await fetch(`${edge}/v1/models/${benchModel}/ask`, { method: "POST", headers, body });
    await response.arrayBuffer();
    if (response.status === 422) return 0;
    if (!response.ok) throw new Error(`Status ${response.status} at ${edge}`);
    const passed = (performance.now() - startedAt) / 1_000;
    if (passed >= seconds) return n / passed;
  }
}

/** A picture with shapes of all sizes and the grain of a sensor, as a phone compresses it. */
async function photo({ width, height, progressive }: (typeof pictures)[number]): Promise<Buffer<ArrayBuffer>> {
  const random = seededRandom(width);
  const noise = (size: number) => Buffer.from(Array.from({ length: size * size * 3 }, () => 255 * random()));
  const layers = await Promise.all(
    [6, 24, 96, 384].map(async (size) => {
      const raw = { width: size, height: size, channels: 3 as const };
      return sharp(noise(size), { raw }).resize(width, height, { kernel: "linear", fit: "fill" }).raw().toBuffer();
    }),
  );
  const shares = [0.5, 0.25, 0.15, 0.1];
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < pixels.length; i++) {
    const value = layers.reduce((sum, layer, n) => sum + (shares[n] as number) * (layer[i] as number), 0);
    pixels[i] = Math.min(255, Math.max(0, value + 14 * (random() - 0.5)));
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85, progressive })
    .toBuffer();
}

async function publishOn(url: string, credentials: Awaited<ReturnType<typeof makeSecrets>>["credentials"]) {
  const { draft } = await benchArtefact();
  const layers = [
    { type: "pool" as const, size: 32 },
    { type: "dense" as const, units: 8 },
  ];
  const model = buildNetwork({ shapes: [[side, side, 3]], layers, classes: draft.labels.length, seed: 1 });
  const input: Input = { kind: "image", size: [side, side], channels: 3, scale: 1 / 255, offset: 0 };
  const blobs: Blobs = new Map();
  const { backbone, ...packed } = await packNetwork(model, input, blobs);
  const { step } = draft.thin.backbone.embedding;
  const thin = {
    ...packed,
    backbone: { ...backbone, embedding: { ...backbone.embedding, step } },
    rule: draft.thin.rule,
  };
  const examples = [Array.from({ length: side }, () => Array.from({ length: side }, () => [0, 128, 255]))];
  const client = new UpriverClient({ url, token: credentials.tokens.publish });
  const { version } = await publish(client, { draft: { ...draft, thin, examples }, blobs }, credentials.signingKey);
  await client.rollout(benchModel, { version });
}
