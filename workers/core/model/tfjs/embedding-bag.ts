import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";

interface EmbeddingBagConfig {
  name?: string;
  buckets: number;
  units: number;
}

/**
 * Sums rows of a table: of inputs [rows, 2, terms], which hold bucket numbers and then their weights, it computes
 * Σ weight · table[bucket] [rows, units]. Nothing trains its table here: the origin trains a sparse one and sets it.
 */
export class EmbeddingBagLayer extends layers.layers.Layer {
  static readonly className = "EmbeddingBag";
  private readonly buckets: number;
  private readonly units: number;
  private table: ReturnType<layers.layers.Layer["addWeight"]> | null = null;

  constructor({ name, buckets, units }: EmbeddingBagConfig) {
    super({ ...(name === undefined ? {} : { name }), trainable: false });
    this.buckets = buckets;
    this.units = units;
  }

  override build(): void {
    const zeros = layers.initializers.zeros();
    this.table = this.addWeight("table", [this.buckets, this.units], "float32", zeros, undefined, false);
    this.built = true;
  }

  override computeOutputShape(inputShape: layers.Shape): layers.Shape {
    return [inputShape[0] ?? null, this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const given = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor3D;
      const [buckets, weights] = tf.split(given, 2, 1) as [tf.Tensor3D, tf.Tensor3D];
      const table: tf.Tensor = (this.table as NonNullable<typeof this.table>).read();
      const rows = tf.gather(table, tf.cast(tf.squeeze(buckets, [1]), "int32"));
      return tf.squeeze(tf.matMul(weights, rows as tf.Tensor3D), [1]);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), buckets: this.buckets, units: this.units };
  }
}

tf.serialization.registerClass(EmbeddingBagLayer);
