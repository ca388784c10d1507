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
  return softmax(logitsOf(head, embedding, offset), head.temperature);
}

/** Computes the class logits of one embedding, [classes]: e·W + b. */
export function logitsOf(head: HeadWeights, embedding: ArrayLike<number>, offset = 0): Float64Array {
  const { width, classes, weights, bias } = head;
  const logits = new Float64Array(bias);
  for (let i = 0; i < width; i++) {
    const value = embedding[offset + i] as number;
    for (let c = 0; c < classes; c++) {
      logits[c] = (logits[c] as number) + value * (weights[i * classes + c] as number);
    }
  }
  return logits;
}

/** Computes softmax(logits / temperature) without overflow. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const { length } = logits;
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) top = Math.max(top, logits[i] as number);
  const out = new Float64Array(length);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const value = Math.exp(((logits[i] as number) - top) / temperature);
    out[i] = value;
    sum += value;
  }
  for (let i = 0; i < length; i++) out[i] = (out[i] as number) / sum;
  return out;
}

/** Returns the index of the largest score. */
export function argMax(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
