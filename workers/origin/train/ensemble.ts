import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { sizeOf } from "#core/input/index.ts";
import { seededRandom } from "../random.ts";
import type { Dropout } from "./dropout.ts";
import { dense } from "./fused.ts";
import type { CutNetwork, NetworkShape, Trainable } from "./trainable.ts";

interface Dense {
  kernel: tf.Variable<tf.Rank.R2>;
  bias: tf.Variable<tf.Rank.R1>;
}

/**
 * An ensemble of networks that share their hidden layers (TabM-mini, Gorishniy et al., arXiv 2410.24210): each member
 * multiplies the inputs by a vector of its own, random signs at first, and has a head of its own. Members learn from their
 * own losses; what is served is the mean of their logits. The embedding is all members' last hidden layers side by side.
 */
export class EnsembleNetwork implements Trainable {
  readonly variables: readonly tf.Variable[];
  readonly kernels: readonly tf.Variable[];
  readonly width: number;
  private readonly shapes: readonly number[][];
  private readonly size: number;
  private readonly units: number[];
  /** Each member's factors on the inputs [inputs, members, 1]. */
  private readonly factors: tf.Variable<tf.Rank.R3>;
  private readonly hidden: Dense[];
  private backbone: layers.LayersModel | null = null;
  /** [members, units, classes] and [members, 1, classes]. */
  private readonly heads: { kernel: tf.Variable<tf.Rank.R3>; bias: tf.Variable<tf.Rank.R3> };

  constructor({ shapes, layers: plans, members: size = 1, classes, seed }: NetworkShape) {
    const inputs = shapes.map(sizeOf).reduce((sum, own) => sum + own, 0);
    const random = seededRandom(seed);
    this.shapes = shapes;
    this.size = size;
    this.units = plans.map((plan) => {
      if (plan.type === "dense") return plan.units;
      throw new Error(`An ensemble has dense layers only, not '${plan.type}'. Correct the recipe's networks.`);
    });
    const { units } = this;
    const last = units.at(-1) as number;
    this.width = size * last;
    const made = tf.tidy(() => {
      const signs = Float32Array.from({ length: inputs * size }, () => (random() < 0.5 ? -1 : 1));
      const heads = Array.from({ length: size }, (_, member) =>
        layers.initializers.glorotUniform({ seed: seed + units.length + member }).apply([last, classes]),
      );
      return {
        factors: tf.variable(tf.tensor3d(signs, [inputs, size, 1])),
        hidden: units.map((own, i) => ({
          kernel: tf.variable(
            layers.initializers.heNormal({ seed: seed + i }).apply([units[i - 1] ?? inputs, own]) as tf.Tensor2D,
          ),
          bias: tf.variable(tf.zeros<tf.Rank.R1>([own])),
        })),
        heads: {
          kernel: tf.variable(tf.stack(heads) as tf.Tensor3D),
          bias: tf.variable(tf.zeros<tf.Rank.R3>([size, 1, classes])),
        },
      };
    });
    this.factors = made.factors;
    this.hidden = made.hidden;
    this.heads = made.heads;
    this.kernels = [...this.hidden.map(({ kernel }) => kernel), this.heads.kernel];
    this.variables = [
      this.factors,
      ...this.hidden.flatMap(({ kernel, bias }) => [kernel, bias]),
      this.heads.kernel,
      this.heads.bias,
    ];
  }

  embed(inputs: tf.Tensor[], dropout: Dropout | null): tf.Tensor2D {
    const { size, units } = this;
    const flat = inputs.map((one, i) => tf.reshape(one, [-1, sizeOf(this.shapes[i] as number[])]) as tf.Tensor2D);
    const joined = flat.length === 1 ? (flat[0] as tf.Tensor2D) : tf.concat2d(flat, 1);
    const firstBias = tf.tile((this.hidden[0] as Dense).bias, [size]);
    const first = dense(joined, this.firstKernel(), firstBias, true);
    let values = tf.reshape<tf.Rank.R2>(first, [-1, units[0] as number]);
    for (const [i, { kernel, bias }] of this.hidden.entries()) {
      if (i > 0) values = dense(values, kernel, bias, true);
      if (dropout) values = dropout.apply(values);
    }
    return tf.reshape(values, [-1, size * (units.at(-1) as number)]);
  }

  members(embeddings: tf.Tensor2D): tf.Tensor3D {
    const { size, units, heads } = this;
    const own = tf.transpose(tf.reshape(embeddings, [-1, size, units.at(-1) as number]), [1, 0, 2]);
    return tf.transpose(tf.add(tf.matMul(own, heads.kernel), heads.bias), [1, 0, 2]) as tf.Tensor3D;
  }

  async cut(): Promise<CutNetwork> {
    this.backbone ??= this.layersModel();
    const { backbone } = this;
    const head = tf.tidy(() => ({
      weights: tf.div(this.heads.kernel, this.size),
      bias: tf.mean(this.heads.bias, 0),
    }));
    const [weights, bias] = (await Promise.all([head.weights.data(), head.bias.data()])) as [
      Float32Array,
      Float32Array,
    ];
    tf.dispose([head.weights, head.bias]);
    return { backbone, head: { weights, bias } };
  }

  dispose(): void {
    this.backbone?.dispose();
    tf.dispose([...this.variables]);
  }

  /** The first layer of all members as one kernel [inputs, members · units]. */
  private firstKernel(): tf.Tensor2D {
    const { kernel } = this.hidden[0] as Dense;
    const [inputs, units] = kernel.shape;
    return tf.reshape(tf.mul(this.factors, tf.expandDims(kernel, 1)), [inputs, this.size * units]);
  }

  /** Writes the shared layers as standard layers, which act on each member's part of the values. */
  private layersModel(): layers.LayersModel {
    const { shapes, size, units } = this;
    const inputs = shapes.map((shape, i) => layers.input({ shape, name: i === 0 ? "instance" : "region" }));
    const flat = inputs.map((input) =>
      input.shape.length === 2 ? input : (layers.layers.flatten().apply(input) as layers.SymbolicTensor),
    );
    let values = (flat.length === 1 ? flat[0] : layers.layers.concatenate().apply(flat)) as layers.SymbolicTensor;
    const apply = (layer: layers.layers.Layer) => {
      values = layer.apply(values) as layers.SymbolicTensor;
    };
    for (const [i, own] of units.entries()) {
      const name = `dense_${i + 1}`;
      apply(layers.layers.dense({ name, units: i === 0 ? size * own : own, activation: "relu" }));
      if (i === 0 && units.length > 1) apply(layers.layers.reshape({ name: "members", targetShape: [size, own] }));
    }
    if (units.length > 1) apply(layers.layers.flatten({ name: "embedding" }));
    const model = layers.model({ inputs, outputs: values });
    tf.tidy(() => {
      const [first, ...rest] = this.hidden as [Dense, ...Dense[]];
      const bias = tf.tile(first.bias, [size]);
      model.setWeights([this.firstKernel(), bias, ...rest.flatMap((own) => [own.kernel, own.bias])]);
    });
    return model;
  }
}
