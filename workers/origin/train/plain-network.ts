import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { sizeOf } from "#core/input/index.ts";
import { EmbeddingBagLayer } from "#core/model/tfjs/embedding-bag.ts";
import type { LayerPlan } from "../recipes/index.ts";
import { EmbeddingBag, type Terms } from "./bag.ts";
import type { Dropout } from "./dropout.ts";
import { conv, dense } from "./fused.ts";
import type { CutNetwork, NetworkShape, Trainable } from "./trainable.ts";

type Layer = layers.layers.Layer;

/** A hidden layer, and what must happen to its input first. */
interface Step {
  before: Layer[];
  /** Concatenates the region, which is a separate input. */
  join: Layer | null;
  layer: Layer;
  /** What the layer is; null for one that passes its inputs on. */
  plan: HiddenPlan | null;
}

/**
 * A feed-forward network: the planned hidden layers with relu, the last of which outputs the embedding, and a softmax head.
 * Without hidden layers it is a linear model, whose embedding is its input. A region that is a separate input is concatenated
 * before the first dense layer: its rows of that layer's kernel are the regions' embeddings. An unknown region has none of
 * them. On texts, the first layer is an embedding bag of each text; other columns are concatenated to its sums.
 */
export class PlainNetwork implements Trainable {
  readonly variables: readonly tf.Variable[];
  readonly kernels: readonly tf.Variable[];
  readonly bags: readonly EmbeddingBag[];
  readonly width: number;
  private readonly bagLayers: readonly EmbeddingBagLayer[];
  /** Concatenates other columns and the sums of bags. */
  private readonly join: Layer;
  private readonly steps: Step[];
  private readonly backbone: layers.LayersModel;
  private readonly whole: layers.LayersModel;
  private readonly head: Layer;

  constructor({ shapes, buckets = [], layers: plans, classes, seed }: NetworkShape) {
    const { hidden, units } = withoutBag(plans, buckets);
    const isText = (_: unknown, i: number) => (buckets[i] ?? null) !== null;
    const inputs = shapes.map((shape, i) => layers.input({ shape, name: nameOf(i, buckets) }));
    this.bags = buckets.flatMap((own) => (own === null ? [] : [new EmbeddingBag(own, units, seed)]));
    this.bagLayers = this.bags.map((bag, i) => {
      return new EmbeddingBagLayer({ name: `bag_${i + 1}`, buckets: bag.buckets, units });
    });
    this.join = layers.layers.concatenate({ name: "with_bags" });
    const sums = inputs.filter(isText).map((input, i) => (this.bagLayers[i] as Layer).apply(input));
    const plain = shapes.filter((shape, i) => !isText(shape, i));
    const joined = sizeOf(plain[0] ?? [0]) + sums.length * units;
    this.steps = sums.length === 0 ? stepsOf(hidden, plain, seed) : stepsOf(hidden, [[joined]], seed, false);
    const others = inputs.filter((input, i) => !isText(input, i));
    const embedding = this.run(others, sums as layers.SymbolicTensor[], null) as layers.SymbolicTensor;
    const kernelInitializer = layers.initializers.glorotUniform({ seed: seed + plans.length });
    this.head = layers.layers.dense({ name: "head", units: classes, kernelInitializer });
    this.whole = layers.model({ inputs, outputs: this.head.apply(embedding) as layers.SymbolicTensor });
    this.backbone = layers.model({ inputs, outputs: embedding });
    // `read` returns the variable itself, although its type is a tensor.
    this.variables = this.whole.trainableWeights.map((weight) => weight.read() as tf.Variable);
    this.kernels = this.variables.filter(({ rank }) => rank >= 2);
    this.width = embedding.shape[1] as number;
  }

  embed(inputs: tf.Tensor[], dropout: Dropout | null, terms: readonly Terms[] = []): tf.Tensor2D {
    const sums = this.bags.map((bag, i) => {
      const sum = bag.sum(terms[i] as Terms);
      return dropout ? dropout.apply(sum) : sum;
    });
    return this.run(inputs, sums, dropout) as tf.Tensor2D;
  }

  members(embeddings: tf.Tensor2D): tf.Tensor3D {
    const [kernel, bias] = weightsOf(this.head);
    return tf.expandDims(dense(embeddings, kernel as tf.Tensor2D, bias, false), 1);
  }

  async cut(): Promise<CutNetwork> {
    const { backbone } = this;
    for (const [i, { values, buckets, units }] of this.bags.entries()) {
      tf.tidy(() => this.bagLayers[i]?.setWeights([tf.tensor2d(values, [buckets, units])]));
    }
    const [weights, bias] = (await Promise.all(this.head.getWeights().map((weight) => weight.data()))) as [
      Float32Array,
      Float32Array,
    ];
    return { backbone, head: { weights, bias } };
  }

  dispose(): void {
    this.whole.dispose();
  }

  /** Runs the hidden layers on tensors, or on symbols of them to build the model. */
  private run<T extends tf.Tensor | layers.SymbolicTensor>(
    inputs: readonly T[],
    sums: readonly T[],
    dropout: Dropout | null,
  ): T {
    let [values, region] = inputs as [T, T];
    if (sums.length > 0) {
      const all = [...inputs, ...sums];
      values = all.length === 1 ? (all[0] as T) : (this.join.apply(all as tf.Tensor[]) as T);
    }
    for (const { before, join, layer, plan } of this.steps) {
      for (const first of before) values = first.apply(values as tf.Tensor) as T;
      if (join) values = join.apply([values, region] as tf.Tensor[]) as T;
      values = (values instanceof tf.Tensor ? computed(layer, plan, values) : layer.apply(values)) as T;
      if (dropout && plan?.type === "dense") values = dropout.apply(values as tf.Tensor) as T;
    }
    return values;
  }
}

/** Computes a hidden layer. The library's own way to apply it takes many kernels. */
function computed(layer: Layer, plan: HiddenPlan | null, values: tf.Tensor): tf.Tensor {
  const [kernel, bias] = weightsOf(layer);
  switch (plan?.type) {
    case "dense":
      return dense(values as tf.Tensor2D, kernel as tf.Tensor2D, bias, true);
    case "conv":
      return conv(values as tf.Tensor4D, kernel as tf.Tensor4D, bias, plan.stride ?? 1);
    default:
      return layer.apply(values) as tf.Tensor;
  }
}

/** Returns a layer's kernel and bias, if it has them. */
function weightsOf(layer: Layer): [kernel: tf.Tensor, bias: tf.Tensor1D] {
  return layer.weights.map((weight) => weight.read()) as [tf.Tensor, tf.Tensor1D];
}

function nameOf(input: number, buckets: readonly (number | null)[]): string {
  if ((buckets[input] ?? null) !== null)
    return `text_${buckets.slice(0, input + 1).filter((own) => own !== null).length}`;
  return input === 0 ? "instance" : "region";
}

/** Takes the bag off the layers of a network on texts, which begin with one; others have none. */
function withoutBag(
  plans: readonly LayerPlan[],
  buckets: readonly (number | null)[],
): { hidden: HiddenPlan[]; units: number } {
  const hasTexts = buckets.some((own) => own !== null);
  const [first] = plans;
  const hidden = plans.filter((plan) => plan.type !== "bag");
  if (hasTexts && first?.type === "bag" && hidden.length === plans.length - 1) return { hidden, units: first.units };
  if (!hasTexts && hidden.length === plans.length) return { hidden, units: 0 };
  throw new Error(
    hasTexts
      ? 'The layers of a network on texts begin with one bag: {"type": "bag", "units": 48}. Correct the recipe\'s networks.'
      : 'A layer of type \'bag\' needs a text column with "encoding": "ngrams". Correct the recipe\'s input or networks.',
  );
}

type HiddenPlan = Exclude<LayerPlan, { type: "bag" }>;

/** @param isNeeded whether a network without hidden layers needs one that passes its inputs on */
function stepsOf(plans: readonly HiddenPlan[], shapes: readonly number[][], seed: number, isNeeded = true): Step[] {
  let isFlat = (shapes[0] as number[]).length === 1;
  let isJoined = shapes.length === 1;
  const flat = (): Pick<Step, "before" | "join"> => {
    const before = isFlat ? [] : [layers.layers.flatten({ name: "flatten" })];
    const join = isJoined ? null : layers.layers.concatenate({ name: "with_region" });
    [isFlat, isJoined] = [true, true];
    return { before, join };
  };
  if (plans.length === 0) {
    if (!isNeeded) return [];
    return [{ ...flat(), layer: layers.layers.activation({ name: "inputs", activation: "linear" }), plan: null }];
  }
  return plans.map((plan, i) => {
    const before = plan.type === "dense" ? flat() : { before: [], join: null };
    return { ...before, layer: hiddenLayer(plan, i, seed + i), plan };
  });
}

function hiddenLayer(plan: HiddenPlan, i: number, seed: number): Layer {
  const kernelInitializer = layers.initializers.heNormal({ seed });
  const name = `${plan.type}_${i + 1}`;
  switch (plan.type) {
    case "dense":
      return layers.layers.dense({ name, units: plan.units, activation: "relu", kernelInitializer });
    case "conv": {
      const { filters, size: kernelSize, stride: strides = 1 } = plan;
      const shape = { filters, kernelSize, strides, padding: "same" as const };
      return layers.layers.conv2d({ name, ...shape, activation: "relu", kernelInitializer });
    }
    case "pool":
      return layers.layers.maxPooling2d({ name, poolSize: plan.size, strides: plan.size, padding: "valid" });
  }
}
