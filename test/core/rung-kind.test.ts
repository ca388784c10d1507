import { describe, expect, it } from "vitest";
import { blobsOf } from "#core/artefacts.ts";
import { type ClassifyManifest, manifestSchema } from "#core/contract/index.ts";
import { chosenThin, rungHostOf, servedManifest } from "#core/rung-kind.ts";
import { testModel } from "#test/helpers/model.ts";
import { thinsModel } from "#test/helpers/thins-model.ts";

const edge = rungHostOf({});
const node = rungHostOf({ RUNG_KIND: "node" });

describe("the thin network that a rung runs", () => {
  it.each([
    ["edge", 10_000, { node: 500, device: 20 }, null],
    ["node", 10_000, { node: 500, device: 20 }, "node"],
    ["device", 10_000, { node: 500, device: 20 }, "device"],
    // None of its own: the largest that fits of thin and those of smaller rungs.
    ["node", 10_000, { device: 20 }, null],
    ["node", 90, { device: 20 }, "device"],
    ["device", 10_000, { node: 500 }, null],
    // Its own does not fit.
    ["node", 400, { node: 500, device: 20 }, null],
    ["edge", 90, { node: 50, device: 20 }, "node"],
    // Nothing fits: thin, as before there were others.
    ["edge", 10, { node: 500, device: 20 }, null],
  ] as const)("of kind %s with %d bytes, beside a thin of 100 and %j, is %s", (kind, memoryBytes, bytes, chosen) => {
    const thin = { backbone: { shards: [{ sha256: "0", bytes: 100 }] } };
    const thins = Object.fromEntries(Object.entries(bytes).map(([of, own]) => [of, { memoryBytes: own }]));
    const version = { thin, thins } as unknown as ClassifyManifest;
    expect(chosenThin(version, { kind, memoryBytes })).toBe(chosen);
  });

  it("takes the place of thin, with its own anchor, prior, estimate and metrics", async () => {
    const { manifest } = await thinsModel();
    const served = servedManifest(manifest, node) as ClassifyManifest;
    const own = manifest.thins?.node;
    expect(served).toMatchObject({ thin: own?.network, prior: own?.prior, escalation: own?.escalation });
    expect(served.metrics).toEqual({ ...manifest.metrics, thin: own?.metrics });
    expect(served.thins).toBeUndefined();
    expect(servedManifest(manifest, edge)).toMatchObject({ thin: manifest.thin, prior: null });
  });

  it("is thin in a version without others, which stays as it is", async () => {
    const { manifest } = await testModel();
    expect(servedManifest(manifest, node)).toBe(manifest);
    expect(manifestSchema.parse(manifest)).toEqual(manifest);
  });

  it("counts among a version's blobs, whichever kind of rung reads them", async () => {
    const { manifest, blobs } = await thinsModel();
    expect(new Set(blobsOf(manifest).map(({ sha256 }) => sha256))).toEqual(new Set(blobs.keys()));
    const classes = { ...manifest.thins?.node?.network, head: { ...manifest.thin.head, classes: 4 } };
    const wrong = { ...manifest, thins: { node: { ...manifest.thins?.node, network: classes } } };
    expect(manifestSchema.safeParse(wrong).success).toBe(false);
  });

  it("is named by settings that are checked", () => {
    expect(edge).toMatchObject({ kind: "edge", memoryBytes: 36 * 1024 * 1024 });
    expect(() => rungHostOf({ RUNG_KIND: "cloud" })).toThrow('RUNG_KIND must be "edge" or "node" or "device"');
    expect(() => rungHostOf({ MODELS_MEMORY_MB: "much" })).toThrow(/MODELS_MEMORY_MB must be a number of megabytes/);
  });
});
