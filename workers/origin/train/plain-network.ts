import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import type { LayerPlan } from "../recipes/index.ts";
import type { Dropout } from "./dropout.ts";
import type { CutNetwork, NetworkShape, Trainable } from "./trainable.ts";

type Layer = layers.layers.Layer;

/** A hidden layer, and what must happen to its input first. */
interface Step {
  before: Layer[];
  /** Concatenates the region, which is a separate input. */
  join: Layer | null;
  layer: Layer;
  isDense: boolean;
}

/**
 * A feed-forward network: the planned hidden layers with relu, the last of which outputs the embedding, and a softmax head.
 * Without hidden layers it is a linear model, whose embedding is its input. A region that is a separate input is concatenated
 * before the first dense layer: its rows of that layer's kernel are the regions' embeddings. An unknown region has none of
 * them.
 */
export class PlainNetwork implements Trainable {
  readonly variables: readonly tf.Variable[];
  readonly kernels: readonly tf.Variable[];
  readonly width: number;
  private readonly steps: Step[];
  private readonly backbone: layers.LayersModel;
  private readonly whole: layers.LayersModel;
  private readonly head: Layer;

  constructor({ shapes, layers: plans, classes, seed }: NetworkShape) {
    const inputs = shapes.map((shape, i) => layers.input({ shape, name: i === 0 ? "instance" : "region" }));
    this.steps = stepsOf(plans, shapes, seed);
    const embedding = this.run(inputs, null) as layers.SymbolicTensor;
    const kernelInitializer = layers.initializers.glorotUniform({ seed: seed + plans.length });
    this.head = layers.layers.dense({ name: "head", units: classes, kernelInitializer });
    this.whole = layers.model({ inputs, outputs: this.head.apply(embedding) as layers.SymbolicTensor });
    this.backbone = layers.model({ inputs, outputs: embedding });
    // `read` returns the variable itself, although its type is a tensor.
    this.variables = this.whole.trainableWeights.map((weight) => weight.read() as tf.Variable);
    this.kernels = this.variables.filter(({ rank }) => rank >= 2);
    this.width = embedding.shape[1] as number;
  }

  embed(inputs: tf.Tensor[], dropout: Dropout | null): tf.Tensor2D {
    return this.run(inputs, dropout) as tf.Tensor2D;
  }

  members(embeddings: tf.Tensor2D): tf.Tensor3D {
    return tf.expandDims(this.head.apply(embeddings) as tf.Tensor2D, 1);
  }

  async cut(): Promise<CutNetwork> {
    const { backbone } = this;
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
  private run<T extends tf.Tensor | layers.SymbolicTensor>(inputs: readonly T[], dropout: Dropout | null): T {
    let [values, region] = inputs as [T, T];
    for (const { before, join, layer, isDense } of this.steps) {
      for (const first of before) values = first.apply(values as tf.Tensor) as T;
      if (join) values = join.apply([values, region] as tf.Tensor[]) as T;
      values = layer.apply(values as tf.Tensor) as T;
      if (dropout && isDense) values = dropout.apply(values as tf.Tensor) as T;
    }
    return values;
  }
}

function stepsOf(plans: readonly LayerPlan[], shapes: readonly number[][], seed: number): Step[] {
  let isFlat = (shapes[0] as number[]).length === 1;
  let isJoined = shapes.length === 1;
  const flat = (): Pick<Step, "before" | "join"> => {
    const before = isFlat ? [] : [layers.layers.flatten({ name: "flatten" })];
    const join = isJoined ? null : layers.layers.concatenate({ name: "with_region" });
    [isFlat, isJoined] = [true, true];
    return { before, join };
  };
  if (plans.length === 0) {
    return [{ ...flat(), layer: layers.layers.activation({ name: "inputs", activation: "linear" }), isDense: false }];
  }
  return plans.map((plan, i) => {
    const isDense = plan.type === "dense";
    const before = isDense ? flat() : { before: [], join: null };
    return { ...before, layer: hiddenLayer(plan, i, seed + i), isDense };
  });
}

function hiddenLayer(plan: LayerPlan, i: number, seed: number): Layer {
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
