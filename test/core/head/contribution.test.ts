import { describe, expect, it } from "vitest";
import type { Bins } from "#core/contract/index.ts";
import { type ClassTotal, changeOf, classTotals, placeClasses, sharesOf, sumsFault } from "#core/head/contribution.ts";
import { addRow, emptySums, type Sums } from "#core/head/sums.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { seeded } from "../../helpers/random.ts";

const rules = { shares: 1, minLabels: 5, maxLabels: 100 };

function sumsOf(labels: readonly number[], width = 6, classes = 3): Sums {
  const random = seeded(4);
  const sums = emptySums(width, classes);
  for (const label of labels) {
    const vector = Int16Array.from({ length: width }, (_, i) => (i === 0 ? 0 : Math.round(30_000 * (random() - 0.5))));
    addRow(sums, { vector, label, weight: 4 });
  }
  return sums;
}
/** What is expected of sums in which one value is another. */
function changed(at: number, value: (values: Float64Array) => number): string | undefined {
  const sums = sumsOf([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  const { values } = sums;
  values[at < 0 ? values.length + at : at] = value(values);
  return sumsFault(sums, rules)?.expected;
}

describe("sums that came from elsewhere", () => {
  it("are sound where they are of embeddings, also of fewer than the embedding is wide", () => {
    expect(sumsFault(sumsOf([0, 0, 0, 0, 0]), rules)).toBeNull();
    expect(sumsFault(sumsOf(Array.from({ length: 99 }, () => 2)), rules)).toBeNull();
  });

  it("of numbers are sound as well", () => {
    const bins: Bins = { edges: [0, 1, 2, 3], tails: [1, 1], sigma: 0.5 };
    const sums = emptySums(2, 3);
    for (let i = 0; i < 9; i++) {
      addRow(sums, { vector: Int16Array.of(i, -i), label: softLabelOf(bins, i / 3), weight: 4 });
    }
    expect(sumsFault(sums, { ...rules, shares: sharesOf(true) })).toBeNull();
    expect(sumsFault(sums, rules)?.expected).toBeDefined();
  });

  it("are refused where they are of too few or too many labels, of a class or in all", () => {
    expect(sumsFault(sumsOf([0, 0, 0, 0]), rules)).toEqual({ expected: "at least 5 labels", received: "4" });
    expect(sumsFault(sumsOf(Array.from({ length: 101 }, () => 1)), rules)?.expected).toBe("at most 100 labels");
    expect(sumsFault(sumsOf([0, 0, 0, 0, 0, 1]), rules)?.received).toBe("a class with 1");
  });

  it("are refused where no embeddings have them", () => {
    expect(changed(8, () => 0.5)).toMatch(/whole numbers/);
    expect(changed(8, () => Number.NaN)).toMatch(/whole numbers/);
    // A square below zero, a product beyond its squares, a label without its embedding, a class of less than none.
    expect(changed(7, () => -1)).toMatch(/sums over embeddings/);
    expect(changed(8, (values) => 2 * (values[7] as number))).toMatch(/sums over embeddings/);
    expect(changed(-5, (values) => (values.at(-5) as number) + 4)).toMatch(/sums over embeddings/);
    expect(changed(-1, () => -4)).toMatch(/fewer than 0/);
  });

  it("have their classes in another order, among others", () => {
    const placed = placeClasses(sumsOf([0, 0, 1]), [3, 0, 1], 4);
    expect(placed).toEqual(sumsOf([3, 3, 0], 6, 4));
  });
});

describe("a change of sums", () => {
  it("is of few labels where a class has changed by fewer than the minimum, also with as many labels as before", async () => {
    const names = ["a", "b", "c"];
    const before = await classTotals(sumsOf([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]), names, false);
    expect(before.map(([name, labels]) => [name, labels])).toEqual([
      ["a", 5],
      ["b", 5],
    ]);
    const changes = (now: ClassTotal[]) => changeOf(before, now, 5);
    const [a, b] = before as [ClassTotal, ClassTotal];
    expect([changes(before), changes([b, a])]).toEqual(["none", "none"]);
    expect(changes(await classTotals(sumsOf([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]), names, false))).toBe("few");
    expect(changes([a, ["b", 5, "other"]])).toBe("few");
    expect([changes([a]), changes([a, ["b", 10, "other"], ["c", 5, "new"]])]).toEqual(["enough", "enough"]);
    const numbers = await classTotals(sumsOf([0, 0, 0, 0, 0, 1]), names, true);
    expect(numbers).toEqual([["", 6, expect.stringMatching(/^[0-9a-f]{64}$/)]]);
  });
});
