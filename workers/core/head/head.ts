import type { Head } from "../contract/index.ts";
import { EngineError } from "../model/engine.ts";

/** A last layer in plain numbers: weights [width, classes] row by row, then bias [classes]. */
export interface HeadWeights {
  width: number;
  classes: number;
  temperature: number;
  weights: Float32Array;
  bias: Float32Array;
}

/** A head as stored: float32 little-endian weights [width, classes], then bias [classes]. */
export function encodeHead(head: Pick<HeadWeights, "weights" | "bias">): Uint8Array<ArrayBuffer> {
  const out = new Float32Array(head.weights.length + head.bias.length);
  out.set(head.weights);
  out.set(head.bias, head.weights.length);
  return new Uint8Array(out.buffer);
}

/** Reads a stored head. Throws `EngineError` when its length is not what the manifest says. */
export function decodeHead(spec: Head, blob: ArrayBuffer): HeadWeights {
  const { width, classes, temperature } = spec;
  const expected = (width + 1) * classes * 4;
  if (blob.byteLength !== expected) {
    throw new EngineError(
      `Error in decodeHead: ${width}×${classes} needs ${expected} bytes, but got ${blob.byteLength}`,
    );
  }
  const values = new Float32Array(blob);
  const weights = values.slice(0, width * classes);
  return { width, classes, temperature, weights, bias: values.slice(width * classes) };
}

/** Calibrated class scores of one embedding: softmax((e·W + b) / temperature). */
export function scoresOf(head: HeadWeights, embedding: ArrayLike<number>, offset = 0): Float64Array {
  return softmax(logitsOf(head, embedding, offset), head.temperature);
}

/** Class logits of one embedding, [classes]: e·W + b. */
export function logitsOf(head: HeadWeights, embedding: ArrayLike<number>, offset = 0): Float64Array {
  const { width, classes, weights, bias } = head;
  const logits = Float64Array.from(bias);
  for (let i = 0; i < width; i++) {
    const value = embedding[offset + i] as number;
    for (let c = 0; c < classes; c++) {
      logits[c] = (logits[c] as number) + value * (weights[i * classes + c] as number);
    }
  }
  return logits;
}

/** softmax(logits / temperature), without overflow. */
export function softmax(logits: Float64Array, temperature: number): Float64Array {
  const top = Math.max(...logits);
  const out = logits.map((logit) => Math.exp((logit - top) / temperature));
  const sum = out.reduce((total, value) => total + value, 0);
  return out.map((value) => value / sum);
}

/** The index of the greatest score. */
export function argMax(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
