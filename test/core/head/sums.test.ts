import { describe, expect, it } from "vitest";
import {
  addRow,
  addSums,
  classesIn,
  decodeSums,
  emptySums,
  encodeSums,
  labelsIn,
  type SumRow,
  type Sums,
} from "#core/head/sums.ts";
import { seeded } from "#test/helpers/random.ts";

const width = 7;
const classes = 3;

// A third of the figures are zeros, which leave −0 behind where care is not taken, or as large as they get.
function randomRows(n: number, seed: number): (SumRow & { label: number })[] {
  const random = seeded(seed);
  const edges = [0, -32768, 32767];
  const figure = () => edges[Math.floor(9 * random())] ?? Math.floor(random() * 65536) - 32768;
  return Array.from({ length: n }, () => ({
    vector: Int16Array.from({ length: width }, figure),
    label: Math.floor(random() * classes),
    weight: random() < 0.3 ? 1 : 4,
  }));
}

function sumOf(rows: readonly SumRow[]): Sums {
  const sums = emptySums(width, classes);
  for (const row of rows) addRow(sums, row);
  return sums;
}

// Bit for bit: 0 and −0 differ.
const isSame = (a: Sums, b: Sums) => a.values.every((value, i) => Object.is(value, b.values[i]));

describe("sums", () => {
  it("are exact integers at the largest possible values", () => {
    const rows = [...randomRows(300, 1), { vector: new Int16Array(width).fill(-32768), label: 2, weight: 4 }];
    const { values } = sumOf(rows);
    const exact: bigint[] = [];
    const at = ({ vector }: SumRow, i: number) => BigInt(i < width ? (vector[i] as number) : 1);
    for (let i = 0; i <= width; i++) {
      for (let j = i; j <= width; j++) {
        exact.push(rows.reduce((sum, row) => sum + BigInt(row.weight) * at(row, i) * at(row, j), 0n));
      }
    }
    for (let i = 0; i <= width; i++) {
      for (let c = 0; c < classes; c++) {
        const ofClass = rows.filter(({ label }) => label === c);
        exact.push(ofClass.reduce((sum, row) => sum + BigInt(row.weight) * at(row, i), 0n));
      }
    }
    expect(Array.from(values, BigInt)).toEqual(exact);
  });

  it("stay exact over two million rows of the largest embeddings", () => {
    const rows = 2_097_151;
    const sums = sumOf([{ vector: new Int16Array(width).fill(-32768), label: 0, weight: 4 * rows }]);
    expect(sums.values[0]).toBeLessThan(Number.MAX_SAFE_INTEGER);
    const one = { vector: new Int16Array(width).fill(1), label: 0, weight: 1 };
    addRow(sums, one);
    expect(BigInt(sums.values[0] as number)).toBe(4n * BigInt(rows) * 32768n ** 2n + 1n);
    addRow(sums, { ...one, weight: -1 });
    expect(BigInt(sums.values[0] as number)).toBe(4n * BigInt(rows) * 32768n ** 2n);
  });

  it("have the same bits for any order and partition", () => {
    for (let seed = 2; seed < 12; seed++) {
      const rows = randomRows(60, seed);
      const random = seeded(seed + 100);
      const shuffled = rows
        .map((row) => ({ row, key: random() }))
        .sort((a, b) => a.key - b.key)
        .map(({ row }) => row);
      const regions = Map.groupBy(shuffled, () => Math.floor(5 * random()));
      const parts = [...regions.values()].map(sumOf).reduce((all, part) => addSums(all, part));
      expect(isSame(parts, sumOf(rows))).toBe(true);
    }
  });

  it("without a row equal, bit for bit, sums that never had it", () => {
    const [row, ...rest] = randomRows(40, 20) as [SumRow, ...SumRow[]];
    const sums = sumOf([row, ...rest]);
    addRow(sums, { ...row, weight: -row.weight });
    expect(isSame(sums, sumOf(rest))).toBe(true);
    const only = sumOf([row]);
    addRow(only, { ...row, weight: -row.weight });
    expect(isSame(only, emptySums(width, classes))).toBe(true);
  });

  it("without a fold equal, bit for bit, sums that never had it", () => {
    const [part, rest] = [sumOf(randomRows(25, 23)), sumOf(randomRows(25, 24))];
    expect(isSame(addSums(addSums(part, rest), part, -1), rest)).toBe(true);
    expect(isSame(addSums(part, part, -1), emptySums(width, classes))).toBe(true);
  });

  it("move by exactly the difference when a label is corrected", () => {
    const rows = randomRows(40, 21);
    const corrected = rows.map((row, i) => (i === 7 ? { ...row, label: (row.label + 1) % classes } : row));
    const sums = sumOf(rows);
    addRow(sums, { ...(rows[7] as SumRow), weight: -(rows[7] as SumRow).weight });
    addRow(sums, corrected[7] as SumRow);
    expect(isSame(sums, sumOf(corrected))).toBe(true);
  });

  it("count an origin label as a quarter, exactly", () => {
    const vector = new Int16Array(width);
    const rows = [4, 4, 1].map((weight) => ({ vector, label: 0, weight }));
    expect(labelsIn(sumOf(rows))).toBe(2.25);
  });

  it("survive a round trip through bytes, and reject other bytes", () => {
    const sums = sumOf(randomRows(10, 22));
    const bytes = encodeSums(sums);
    expect(decodeSums(width, classes, bytes.buffer)).toEqual(sums);
    bytes.fill(0);
    expect(isSame(sums, sumOf(randomRows(10, 22)))).toBe(true);
    expect(() => decodeSums(width + 1, classes, bytes.buffer)).toThrow(/8 × 3 take \d+ bytes; received/);
    expect(() => decodeSums(width, classes, bytes.buffer.slice(8))).toThrow(/7 × 3 take \d+ bytes; received/);
  });

  it("encode their number of classes", () => {
    for (const [wide, many] of [
      [1, 2],
      [7, 3],
      [64, 10],
    ] as const) {
      expect(classesIn(encodeSums(emptySums(wide, many)).byteLength, wide)).toBe(many);
    }
  });

  it("are not added to sums of another shape", () => {
    const sums = emptySums(width, classes);
    expect(() => addSums(sums, emptySums(width, classes + 1))).toThrow(/7 × 3 and 7 × 4/);
    expect(() => addSums(sums, emptySums(width + 1, classes))).toThrow(/7 × 3 and 8 × 3/);
  });
});
