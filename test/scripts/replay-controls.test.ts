import { beforeAll, describe, expect, it } from "vitest";
import type { UpriverClient } from "#client/index.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { encodeHead } from "#core/head/head.ts";
import { logLossOf } from "#core/head/metrics.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { exampleRecipe, type Recipe, type Row } from "#origin/recipes/index.ts";
import { planInput } from "#origin/train/columns.ts";
import { buildNetwork } from "#origin/train/network.ts";
import { type Blobs, packNetwork } from "#origin/train/pack.ts";
import { headsOf, scoreOnce } from "#scripts/replay/once.ts";
import { knownAt, periodsOf, scoreRetrained } from "#scripts/replay/retrained.ts";

const storefront = exampleRecipe("storefront");
const dayMs = 24 * 3600_000;

beforeAll(startBackend);

/** An untrained thin network of storefront, and a client that serves its blobs and a region's head. */
async function served() {
  const rows = (await storefront.load({})).slice(0, 24);
  const blobs: Blobs = new Map();
  const input = planInput(storefront.thin.input, rows);
  const packed = await packNetwork(
    buildNetwork({ shapes: [[8]], layers: [4, 3].map((units) => ({ type: "dense", units })), classes: 6, seed: 1 }),
    input,
    blobs,
  );
  // A head that gives every class the same probability.
  const flat = encodeHead({ weights: new Float32Array(3 * 6), bias: new Float32Array(6) });
  const sha256 = await sha256Hex(flat);
  blobs.set(sha256, flat);
  const head = { blob: { sha256, bytes: flat.byteLength }, width: 3, classes: 6, temperature: 1 };
  let states: unknown[] = [
    { region: "lagoon", head: 1, headManifest: { head } },
    { region: "mesa", head: null, headManifest: null },
  ];
  const client = {
    regions: async () => states,
    blob: async (name: string) => blobs.get(name)?.buffer,
  } as unknown as UpriverClient;
  const forget = () => {
    states = [{ region: "lagoon", headManifest: null }];
  };
  return { rows, manifest: { thin: packed } as unknown as ClassifyManifest, client, forget };
}

describe("the control of heads made once", () => {
  it("scores a region with its own head and the others with the global head", async () => {
    const { rows, manifest, client } = await served();
    const heads = await headsOf(client, "storefront", ["lagoon", "mesa"]);
    expect([...(heads?.keys() ?? [])]).toEqual(["lagoon"]);
    const scores = await scoreOnce(client, storefront, manifest, rows, heads ?? new Map());
    const global = await scoreOnce(client, storefront, manifest, rows, new Map());
    for (const [row, { region }] of rows.entries()) {
      const own = Array.from(scores.subarray(row * 6, (row + 1) * 6));
      if (region === "lagoon") for (const score of own) expect(score).toBeCloseTo(1 / 6, 12);
      else expect(own).toEqual(Array.from(global.subarray(row * 6, (row + 1) * 6)));
    }
  });

  it("is left out when no region has a head", async () => {
    const { client, forget } = await served();
    forget();
    expect(await headsOf(client, "storefront", ["lagoon"])).toBeNull();
  });
});

describe("the control of the large model retrained every year", () => {
  const row = (day: string): Row => ({ region: "lagoon", instance: {}, label: "sneakers", at: Date.parse(day) });

  it("trains on what was known when its year or the replay began", () => {
    const asked = ["2014-03-01", "2014-12-31", "2015-01-01", "2016-02-02"].map(row);
    const from = Date.parse("2014-02-01");
    expect(periodsOf(asked, from).map(({ year, rows, ...of }) => [year, rows.length, of.from])).toEqual([
      ["2014", 2, from],
      ["2015", 1, Date.parse("2015-01-01")],
      ["2016", 1, Date.parse("2016-01-01")],
    ]);
    // The label of 31 December is known on 1 January, that of 1 January is not.
    expect(knownAt(asked, Date.parse("2015-01-01"))).toEqual(asked.slice(0, 2));
  });

  it("scores each asked row in order and better than chance", async () => {
    const all = await storefront.load({});
    const from = Date.parse("2025-10-01");
    const asked = all.filter(({ at }) => at >= from && at < from + 30 * dayMs);
    const quick: Recipe = { ...storefront, training: { ...storefront.training, epochs: 1 } };
    const seen: string[] = [];
    const scores = await scoreRetrained(quick, all, asked, { from, onProgress: (note) => seen.push(note) });
    const rows = asked.map((_, i) => scores.subarray(i * 6, (i + 1) * 6));
    expect(scores).toHaveLength(asked.length * 6);
    const labels = asked.map(({ label }) => storefront.labels.indexOf(label));
    expect(logLossOf(rows, labels)).toBeLessThan(Math.log(6) / 2);
    expect(new Set(seen)).toEqual(new Set(["large model of 2025, epoch 1 of 1"]));
  });
});
