import { describe, expect, it } from "vitest";
import { seededRandom } from "#origin/random.ts";
import { augment } from "#origin/train/augment.ts";
import { RowStore } from "#origin/train/row-store.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

describe("a row store", () => {
  it.each([
    ["in memory", Number.MAX_SAFE_INTEGER],
    ["in a file, when they exceed the limit", 0],
  ])("reads what was written, in any order, %s", (_, memoryMaxBytes) => {
    const values = uniform(seeded(1), 20 * 3);
    const store = new RowStore(20, 3, memoryMaxBytes);
    for (let row = 19; row >= 0; row--) store.write(row, values.subarray(row * 3, row * 3 + 3));
    expect(store.isInMemory).toBe(memoryMaxBytes > 0);
    expect(store.read([4, 0, 19, 4])).toEqual(
      Float32Array.from([4, 0, 19, 4].flatMap((row) => [...values.subarray(row * 3, row * 3 + 3)])),
    );
    store.release();
  });
});

describe("augmentation", () => {
  const image = Float32Array.from({ length: 12 }, (_, i) => i + 1);

  it("shifts an image by whole pixels, mirrored or not, and fills with zeros", () => {
    const seen = new Set<string>();
    const random = seededRandom(4);
    for (let i = 0; i < 300; i++) {
      const values = image.slice();
      augment(values, [2, 3, 2], { mirror: true, shift: 1 }, random);
      seen.add(values.join());
    }
    // Nine shifts, each mirrored or not.
    expect(seen.size).toBe(18);
    expect(seen).toContain(image.join());
    expect(seen).toContain([5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8].join());
    expect(seen).toContain([0, 0, 1, 2, 3, 4, 0, 0, 7, 8, 9, 10].join());
  });

  it("changes only the image in a row", () => {
    const row = Float32Array.of(...image, 1, 0);
    augment(row, [2, 3, 2], { mirror: true, shift: 1 }, seededRandom(1));
    expect(Array.from(row.slice(12))).toEqual([1, 0]);
  });
});
