import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blobsOf, privateBlobsOf } from "#core/artefacts.ts";
import type { NetworkSpec } from "#core/contract/index.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { learn } from "#origin/learn/index.ts";
import type { Recipe } from "#origin/recipes/index.ts";
import { torchTrainer } from "#origin/torch/trainer.ts";
import { trainOn } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { assignSplits } from "#origin/train/splits.ts";
import type { Trainer } from "#origin/train/trainer.ts";
import { thinsRecipe } from "#test/helpers/thins-recipe.ts";
import { forkedTorch, torchHere } from "#test/helpers/torch.ts";

const torch = await torchHere();
const stored = { document: { sha256: "0".repeat(64), bytes: 1 }, source: [] };
const dense = (units: number) => [{ type: "dense" as const, units }];

let folder: string;
let forked: Awaited<ReturnType<typeof forkedTorch>>;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "upriver-thins-"));
  if (torch) forked = await forkedTorch(torch, folder);
});
afterAll(async () => {
  forked?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function trained(recipe: Recipe, trainer?: Trainer) {
  return trainOn(recipe, assignSplits(recipe, await recipe.load({})), { backend: "wasm", trainer });
}

const trainers = [
  ["TensorFlow.js", () => undefined],
  ...(torch ? [["PyTorch", () => torchTrainer(forked.settings, null)] as const] : []),
] as const;

describe.each(trainers)("a thin for nodes and one for devices, trained in %s", (_, make) => {
  it("are distilled, calibrated and certified each, within their bytes, with all that their regions learn by", async () => {
    const recipe = thinsRecipe({ node: { bytes: 1_500 }, device: { layers: dense(1), bytes: 1_000 } });
    const { draft, blobs, result } = await trained(recipe, make());
    const { node, device } = draft.thins ?? {};
    if (!node || !device) throw new Error(JSON.stringify(result.thins));
    expect(result.networks.map(({ name }) => name)).toEqual(["full", "thin", "node", "device"]);
    expect(result.thins?.map(({ kind, promoted }) => [kind, promoted])).toEqual([
      ["node", true],
      ["device", true],
    ]);
    // Eight times thin's two units is the widest form that is tried, and fits.
    expect([node.network.head.width, draft.thin.head.width, device.network.head.width]).toEqual([16, 2, 1]);
    expect(bytesOf(node.network)).toBeLessThanOrEqual(1_500);
    expect(node.metrics.accuracy).toBeGreaterThan(draft.metrics.thin.accuracy + 0.1);
    expect(new Set([node, device, draft].map((one) => one.prior?.blob.sha256)).size).toBe(3);
    for (const { network, metrics, anchor, escalation } of [node, device]) {
      expect(network.rule.certificate ?? network.rule.uncertified).not.toBeNull();
      expect(metrics.n).toBe(draft.metrics.thin.n);
      expect(anchor?.rows).toBe(draft.anchor?.rows);
      expect(escalation.reason).toMatch(/\w/);
    }
    for (const { sha256 } of blobsOf(draft)) expect(blobs.has(sha256)).toBe(true);
    expect(privateBlobsOf(draft)).toEqual(
      expect.arrayContaining([node.prior?.blob, node.anchor?.blob, device.prior?.blob]),
    );
  });
});

describe("a thin of a kind of rung that fails its gate", () => {
  it.each([
    [
      "is too large for its bytes",
      { node: { layers: dense(12), bytes: 600 } },
      /has \d+ bytes, and the recipe allows 600/,
    ],
    ["has no form that fits", { node: { bytes: 100 } }, /no width of thin's layers fits 100 bytes/],
    [
      "is larger than thin and not better",
      { node: { layers: dense(16), training: { epochs: 1, learningRate: 0.0001 } } },
      /the version's thin is better or as good/,
    ],
  ] as const)("is left out, and the report says why, where it %s", async (_, networks, reason) => {
    const { draft, result } = await trained(thinsRecipe(networks as object));
    expect(draft.thins).toBeUndefined();
    expect(result.thins).toEqual([
      expect.objectContaining({ kind: "node", promoted: false, reason: expect.stringMatching(reason) }),
    ]);
  });

  it("is left out where it loses more accuracy than the budget allows", async () => {
    const recipe = thinsRecipe({ device: { layers: dense(1) } }, { budget: { accuracy: 0.02 } });
    const { draft, result } = await trained(recipe);
    expect(draft.thins).toBeUndefined();
    expect(result.thins?.[0]?.reason).toMatch(/loses 0\.\d+ of accuracy against full, and budget.accuracy allows 0.02/);
  });
});

it("a version whose thin for nodes may be worse than the one in use is published without it, and says so", async () => {
  const recipe = thinsRecipe({ node: { bytes: 1_500 } });
  const { draft, blobs } = await trained(recipe);
  const again = async (spec: NetworkSpec) => {
    const current = { spec: draft.thin, own: { node: spec }, blobs, trained: draft };
    return learn(recipe, { samples: [], current, stored, backend: "wasm" });
  };
  const worse = await again(draft.full as NetworkSpec);
  expect(worse.artefact.draft.thins?.node).toBeUndefined();
  expect(worse.artefact.result.thins?.[0]).toMatchObject({ kind: "node", promoted: false });
  expect(worse.verdict?.reason).toMatch(/; without a thin of kind 'node': .*the version in use/);
  const better = await again(draft.thin);
  expect(better.artefact.draft.thins?.node).toBeDefined();
});
