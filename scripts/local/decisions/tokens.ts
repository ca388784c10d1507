import type { Instance } from "#core/contract/index.ts";
import { bucketOf } from "#core/input/hashing.ts";
import { stateOf } from "#core/rung/external/prompt.ts";

const buckets = 2 ** 15;
const gram = 4;

/** Returns the buckets of what a state says: words, pairs of words and parts of words; of columns, with their names. */
export function tokensOf(state: unknown): number[] {
  const isRecord = typeof state === "object" && state !== null && !Array.isArray(state);
  return wordsOf(isRecord ? stateOf(state as Instance) : state, "").map((word) => bucketOf(word, buckets));
}

/** The number of buckets. */
export const tokenBuckets = buckets;

function wordsOf(state: unknown, name: string): string[] {
  if (typeof state === "string") return textWords(state, name);
  if (typeof state === "number") return [`${name}~${magnitudeOf(state)}`];
  if (typeof state === "boolean") return [`${name}=${state}`];
  if (Array.isArray(state)) {
    return state.flatMap((part, i) => wordsOf(part, typeof part === "number" ? `${name}.${i}` : name));
  }
  if (typeof state !== "object" || state === null) return [];
  // Texts come as parts with a type.
  const { type, text } = state as { type?: unknown; text?: unknown };
  if (typeof type === "string" && typeof text === "string") return textWords(text, name);
  return Object.entries(state).flatMap(([key, value]) => wordsOf(value, `${name}${key}`));
}

function textWords(text: string, name: string): string[] {
  const words =
    text
      .toLowerCase()
      .normalize("NFKC")
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const pairs = words.slice(1).map((word, i) => `${words[i]} ${word}`);
  const parts = words.flatMap((word) =>
    Array.from({ length: Math.max(0, word.length - gram + 1) }, (_, i) => `#${word.slice(i, i + gram)}`),
  );
  const all = [...words, ...pairs, ...parts];
  return name === "" ? all : all.map((word) => `${name}:${word}`);
}

// One digit, of each order of magnitude.
function magnitudeOf(value: number): string {
  return Number.isFinite(value) ? value.toExponential(0) : "?";
}
