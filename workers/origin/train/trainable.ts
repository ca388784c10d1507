import * as tf from "@tensorflow/tfjs-core";
import type * as layers from "@tensorflow/tfjs-layers";
import { sizeOf } from "#core/input/index.ts";
import type { NetworkForm } from "../recipes/index.ts";
import type { EmbeddingBag, Terms, TermsPlace } from "./bag.ts";
import type { Dropout } from "./dropout.ts";

/** A network under training. */
export interface Trainable {
  /** What training changes, in the order of a checkpoint; the last is the bias of the head. */
  readonly variables: readonly tf.Variable[];
  /** The variables that L2, weight decay and pruning act on; the last is the head's. */
  readonly kernels: readonly tf.Variable[];
  /** The tables of its embedding bags, one for each text; none unless given. */
  readonly bags?: readonly EmbeddingBag[];
  /** The embedding's width. */
  readonly width: number;
  /** Computes embeddings [rows, width] of the network's inputs and the n-grams of texts; with `dropout` as in training. */
  embed(inputs: tf.Tensor[], dropout: Dropout | null, terms?: readonly Terms[]): tf.Tensor2D;
  /** Computes each member's logits [rows, members, classes]. */
  members(embeddings: tf.Tensor2D): tf.Tensor3D;
  /** Returns a layers model of all layers up to the embedding, and the head that is served with it. */
  cut(): Promise<CutNetwork>;
  dispose(): void;
}

/** A network as it is served: all layers up to the embedding, and the head. */
export interface CutNetwork {
  /** Disposed with the network. */
  backbone: layers.LayersModel;
  /** h·W + b: weights [width · classes], bias [classes]. */
  head: { weights: Float32Array; bias: Float32Array };
}

export interface NetworkShape extends Omit<NetworkForm, "kind"> {
  /** `network` unless given. */
  kind?: NetworkForm["kind"] | undefined;
  /** The shapes of its inputs: the instance, and the region if it is a separate input. */
  shapes: readonly number[][];
  /** For each input the buckets of its n-grams, or null; no input has any unless given. */
  buckets?: readonly (number | null)[] | undefined;
  classes: number;
  seed: number;
}

/** Computes the logits that are served [rows, classes]: the mean of the members'. */
export function servedLogits(network: Trainable, embeddings: tf.Tensor2D): tf.Tensor2D {
  return tf.mean(network.members(embeddings), 1);
}

/** Sets a network's variables. */
export function setVariables({ variables }: Trainable, values: readonly tf.Tensor[]): void {
  for (const [i, variable] of variables.entries()) variable.assign(values[i] as tf.Tensor);
}

/** Finds the n-grams of texts in a row of values. */
export function termsPlaces(
  shapes: readonly number[][],
  buckets: readonly (number | null)[] | undefined,
): TermsPlace[] {
  let offset = 0;
  return shapes.flatMap((shape, i) => {
    const own = buckets?.[i] ?? null;
    const place = own === null ? [] : [{ offset, terms: shape[1] as number, buckets: own }];
    offset += sizeOf(shape);
    return place;
  });
}

/** Cuts rows of values into one tensor for each of the network's inputs. */
export function inputTensors(shapes: readonly number[][], values: Float32Array, rows: number): tf.Tensor[] {
  return tf.tidy(() => {
    const sizes = shapes.map(sizeOf);
    const width = sizes.reduce((sum, size) => sum + size, 0);
    if (shapes.length === 1) return [tf.tensor(values, [rows, ...(shapes[0] as number[])])];
    const parts = tf.split(tf.tensor2d(values, [rows, width]), sizes, 1);
    return parts.map((part, i) => tf.reshape(part, [rows, ...(shapes[i] as number[])]));
  });
}
