import { describe, expect, it } from "vitest";
import { quantise } from "#core/head/embedding.ts";
import { NearestNeighbourIndex, type Neighbour } from "#core/semantic-cache/neighbour-index.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const vector = (...values: number[]) => Int16Array.from(values);
const labelsOf = (neighbours: Neighbour[]) => neighbours.map(({ label }) => label);

// In float64, over everything, the newer first where two are equally near.
function naive(rows: { vector: Int16Array; label: number }[], query: ArrayLike<number>, k: number): Neighbour[] {
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  return [...rows]
    .reverse()
    .map(({ vector, label }) => {
      return { label, similarity: dot(vector, query) / Math.sqrt(dot(vector, vector) * dot(query, query)) };
    })
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, k);
}

describe("memory", () => {
  it("finds the same neighbours as a full sort for any width, number of rows and k", () => {
    const random = seeded(7);
    for (let trial = 0; trial < 120; trial++) {
      const width = 1 + Math.floor(random() * 70);
      const maxRows = 1 + Math.floor(random() * 600);
      const k = 1 + Math.floor(random() * 12);
      const memory = new NearestNeighbourIndex(width, maxRows);
      // Each its own label, so that labels name rows.
      const rows = Array.from({ length: Math.floor(random() * 900) }, (_, label) => {
        return { id: `q${label}`, vector: quantise(uniform(random, width), 1e-3), label };
      });
      for (const { id, vector, label } of rows) memory.add(id, vector, label);
      const query = uniform(random, width);
      const found = memory.nearest(query, k);
      const expected = naive(rows.slice(-maxRows), query, k);
      expect(memory.size).toBe(Math.min(rows.length, maxRows));
      expect(found).toHaveLength(expected.length);
      found.forEach((neighbour, i) => {
        expect(neighbour.similarity).toBeCloseTo(expected[i]?.similarity as number, 6);
      });
      // At width 1 all are equally near but for rounding.
      if (width > 3) expect(labelsOf(found)).toEqual(labelsOf(expected));
    }
  });

  it("returns the newer of equally near entries first, also after the ring has wrapped", () => {
    const memory = new NearestNeighbourIndex(2, 4);
    for (let label = 0; label < 6; label++) memory.add(`q${label}`, vector(label < 3 ? 3 : 6, 0), label);
    expect(labelsOf(memory.nearest([1, 0], 3))).toEqual([5, 4, 3]);
    expect(labelsOf(memory.nearest([1, 0], 9))).toEqual([5, 4, 3, 2]);
  });

  it("scores an exact repeat as 1 within 1e-6 for a vector of any length", () => {
    const random = seeded(3);
    const memory = new NearestNeighbourIndex(64, 100);
    const rows = Array.from({ length: 100 }, () => quantise(uniform(random, 64, -30, 30), 1e-3));
    rows.forEach((row, i) => void memory.add(`q${i}`, row, i));
    rows.forEach((row, i) => {
      const [nearest] = memory.nearest(row, 1) as [Neighbour];
      expect(nearest.label).toBe(i);
      expect(Math.abs(nearest.similarity - 1)).toBeLessThan(1e-6);
    });
  });

  it("replaces a repeated question and keeps its age", () => {
    const memory = new NearestNeighbourIndex(2, 2);
    memory.add("a", vector(1, 0), 0);
    memory.add("b", vector(0, 1), 1);
    memory.add("a", vector(-1, 0), 7);
    expect(memory.size).toBe(2);
    expect(memory.nearest([-1, 0], 1)).toEqual([{ label: 7, similarity: 1 }]);
    memory.add("c", vector(1, 1), 2);
    expect(labelsOf(memory.nearest([-1, 0.1], 3)).sort()).toEqual([1, 2]);
  });

  it("removes only the removed entry", () => {
    const memory = new NearestNeighbourIndex(2, 3);
    for (const [label, id] of ["a", "b", "c"].entries()) memory.add(id, vector(1, label), label);
    memory.remove("b");
    memory.remove("nobody");
    expect(memory.size).toBe(2);
    expect(labelsOf(memory.nearest([1, 1], 3)).sort()).toEqual([0, 2]);
    // The ring goes on in order: first over the oldest, then over the empty place.
    memory.add("d", vector(1, 1), 3);
    expect(labelsOf(memory.nearest([1, 1], 3)).sort()).toEqual([2, 3]);
    memory.add("e", vector(1, 1), 4);
    expect(labelsOf(memory.nearest([1, 1], 3)).sort()).toEqual([2, 3, 4]);
    expect(memory.size).toBe(3);
  });

  it("finds no neighbour of a zero vector, and does not store one", () => {
    const memory = new NearestNeighbourIndex(3, 5);
    memory.add("a", vector(0, 0, 0), 0);
    expect(memory.size).toBe(0);
    memory.add("b", vector(1, 0, 0), 1);
    expect(memory.nearest([0, 0, 0], 5)).toEqual([]);
    expect(memory.nearest([Number.NaN, 0, 0], 5)).toEqual([]);
    expect(memory.nearest([-1, 0, 0], 5)).toEqual([{ label: 1, similarity: -1 }]);
    memory.add("b", vector(0, 0, 0), 1);
    expect(memory.nearest([1, 0, 0], 5)).toEqual([]);
    expect(memory.nearest([1, 0, 0], 0)).toEqual([]);
  });

  it("names the received width where it is wrong", () => {
    const memory = new NearestNeighbourIndex(3, 5);
    expect(() => memory.add("a", vector(1, 2), 0)).toThrow("embeddings must have width 3; received 2");
    expect(() => memory.nearest([1, 2, 3, 4], 1)).toThrow(RangeError);
    expect(() => new NearestNeighbourIndex(0, 5)).toThrow("width and maxRows must be at least 1; received 0 and 5.");
  });
});
