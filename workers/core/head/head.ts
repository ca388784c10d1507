import type { Head } from "../contract/index.ts";
import { EngineError } from "../model/engine.ts";

/** A last layer as numbers: weights [width, classes] row by row, then bias [classes]. */
export interface HeadWeights {
  width: number;
  classes: number;
  temperature: number;
  weights: Float32Array;
  bias: Float32Array;
}

/** Encodes a head as float32 little-endian weights [width, classes], then bias [classes]. */
export function encodeHead(head: Pick<HeadWeights, "weights" | "bias">): Uint8Array<ArrayBuffer> {
  const out = new Float32Array(head.weights.length + head.bias.length);
  out.set(head.weights);
  out.set(head.bias, head.weights.length);
  return new Uint8Array(out.buffer);
}

/** Decodes a head. Throws `EngineError` if its length does not match the manifest. */
export function decodeHead(spec: Head, blob: ArrayBuffer): HeadWeights {
  const { width, classes, temperature } = spec;
  const expected = (width + 1) * classes * 4;
  if (blob.byteLength !== expected) {
    throw new EngineError(`A head of ${width} × ${classes} takes ${expected} bytes; received ${blob.byteLength}.`);
  }
  const values = new Float32Array(blob);
  const weights = values.slice(0, width * classes);
  return { width, classes, temperature, weights, bias: values.slice(width * classes) };
}

/** Computes the calibrated class scores of one embedding: softmax((e·W + b) / temperature). */
export function scoresOf(head: HeadWeights, embedding: ArrayLike<number>, offset = 0): Float64Array {
  const out = new Float64Array(head.classes);
  writeScores(head, embedding, offset, out, 0);
  return out;
}

/** Computes the calibrated class scores of each row of embeddings, [rows, classes]. */
export function scoresOfRows(head: HeadWeights, embeddings: ArrayLike<number>, rows: number): Float64Array {
  const { width, classes } = head;
  const out = new Float64Array(rows * classes);
  for (let row = 0; row < rows; row++) writeScores(head, embeddings, row * width, out, row * classes);
  return out;
}

function writeScores(head: HeadWeights, from: ArrayLike<number>, offset: number, out: Float64Array, at: number): void {
  writeLogits(head, from, offset, out, at);
  writeSoftmax(out, at, head.classes, head.temperature);
}

/** Computes the class logits of one embedding, [classes]: e·W + b. */
export function logitsOf(head: HeadWeights, embedding: ArrayLike<number>, offset = 0): Float64Array {
  const logits = new Float64Array(head.classes);
  writeLogits(head, embedding, offset, logits, 0);
  return logits;
}

// Sums stay in variables, four classes at a time; each is added up in the order of the embedding.
function writeLogits(head: HeadWeights, from: ArrayLike<number>, offset: number, out: Float64Array, at: number): void {
  const { width, classes, weights, bias } = head;
  const end = offset + width;
  let first = 0;
  for (; first + 4 <= classes; first += 4) {
    let a = bias[first] as number;
    let b = bias[first + 1] as number;
    let c = bias[first + 2] as number;
    let d = bias[first + 3] as number;
    for (let i = offset, w = first; i < end; i++, w += classes) {
      const value = from[i] as number;
      a += value * (weights[w] as number);
      b += value * (weights[w + 1] as number);
      c += value * (weights[w + 2] as number);
      d += value * (weights[w + 3] as number);
    }
    out[at + first] = a;
    out[at + first + 1] = b;
    out[at + first + 2] = c;
    out[at + first + 3] = d;
  }
  for (; first < classes; first++) {
    let sum = bias[first] as number;
    for (let i = offset, w = first; i < end; i++, w += classes) sum += (from[i] as number) * (weights[w] as number);
    out[at + first] = sum;
  }
}

/** Computes softmax(logits / temperature) without overflow. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const out = new Float64Array(logits);
  writeSoftmax(out, 0, out.length, temperature);
  return out;
}

function writeSoftmax(values: Float64Array, at: number, count: number, temperature: number): void {
  const end = at + count;
  let top = Number.NEGATIVE_INFINITY;
  for (let i = at; i < end; i++) top = Math.max(top, values[i] as number);
  let sum = 0;
  for (let i = at; i < end; i++) {
    const value = Math.exp(((values[i] as number) - top) / temperature);
    values[i] = value;
    sum += value;
  }
  for (let i = at; i < end; i++) values[i] = (values[i] as number) / sum;
}

/** Returns the index of the largest score. */
export function argMax(scores: ArrayLike<number>): number {
  return argMaxIn(scores, 0, scores.length);
}

/** Returns the index, from `start` on, of the largest of `count` scores. */
export function argMaxIn(scores: ArrayLike<number>, start: number, count: number): number {
  let best = start;
  for (let i = start + 1; i < start + count; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best - start;
}
