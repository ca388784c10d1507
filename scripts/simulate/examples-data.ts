import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Instance } from "#core/contract/index.ts";
import { shuffled } from "#origin/random.ts";

/** A digit: its picture for a base of 28 × 28 × 1, and what it is. */
export interface Digit {
  label: string;
  instance: Instance;
}

export const digitLabels = Array.from({ length: 10 }, (_, digit) => `${digit}`);
const side = 28;
const counts = 8;
const mostCount = 16;
const white = 255;

/**
 * Reads the UCI digits: 8 × 8 counts from 0 to 16, the label last. Each becomes a picture of 28 × 28, white on black, by bilinear
 * scaling with half-pixel centres.
 */
export async function readDigits(folder: string): Promise<Digit[]> {
  const files = ["optdigits.tra", "optdigits.tes"].map((file) => readFile(join(folder, file), "utf8"));
  const lines = (await Promise.all(files)).flatMap((text) => text.split("\n").filter((line) => line.trim() !== ""));
  return lines.map((line) => {
    const values = line.split(",").map(Number);
    return { label: `${values[counts * counts]}`, instance: pictureOf(values) };
  });
}

/** Divides digits: so many of each label to teach, chosen and ordered at random, and the rest. */
export function chooseExamples(digits: readonly Digit[], each: number, random: () => number) {
  const order = Array.from(shuffled(digits.length, random), (i) => digits[i] as Digit);
  const chosen = new Set(digitLabels.flatMap((label) => order.filter((one) => one.label === label).slice(0, each)));
  return { taught: order.filter((one) => chosen.has(one)), rest: order.filter((one) => !chosen.has(one)) };
}

/** Returns a digit's picture of 28 × 28 without scaling: each count becomes 3 × 3 pixels, in the middle. */
export function blocksOf(values: readonly number[]): number[][] {
  const places = Array.from({ length: side }, (_, at) => Math.floor((at - 2) / 3));
  const isInside = (place: number) => place >= 0 && place < counts;
  return places.map((y) =>
    places.map((x) =>
      isInside(y) && isInside(x) ? Math.round(((values[counts * y + x] as number) * white) / mostCount) : 0,
    ),
  );
}

function pictureOf(values: readonly number[]): number[][] {
  const places = Array.from({ length: side }, (_, at) => {
    const place = Math.min(counts - 1, Math.max(0, ((at + 0.5) * counts) / side - 0.5));
    const low = Math.floor(place);
    return { low, high: Math.min(counts - 1, low + 1), share: place - low };
  });
  const countAt = (row: number, column: number) => values[counts * row + column] as number;
  return places.map((y) =>
    places.map((x) => {
      const across = (row: number) => (1 - x.share) * countAt(row, x.low) + x.share * countAt(row, x.high);
      return Math.round((((1 - y.share) * across(y.low) + y.share * across(y.high)) * white) / mostCount);
    }),
  );
}
