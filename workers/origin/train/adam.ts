import * as tf from "@tensorflow/tfjs-core";

/** Adam's private state. The library's own methods that read and write it round the values. */
interface AdamState {
  accBeta1: tf.Variable;
  accBeta2: tf.Variable;
  accumulatedFirstMoment: Moment[];
  accumulatedSecondMoment: Moment[];
  learningRate: number;
}

interface Moment {
  originalName: string;
  variable: tf.Variable;
}

/** Adam (Kingma & Ba, arXiv 1412.6980) that can stop after any step and continue with bit-identical results. */
export class ResumableAdam extends tf.AdamOptimizer {
  constructor(learningRate: number) {
    super(learningRate, 0.9, 0.999);
  }

  set rate(rate: number) {
    this.internals.learningRate = rate;
  }

  get rate(): number {
    return this.internals.learningRate;
  }

  /**
   * Takes a step on a loss; kernels decay by `decay` times the rate (AdamW, Loshchilov & Hutter, arXiv 1711.05101). Gradients
   * of `others` are appended to `gradients` instead.
   */
  step(
    loss: () => tf.Scalar,
    variables: tf.Variable[],
    kernels: readonly tf.Variable[],
    decay: number,
    others: readonly tf.Variable[] = [],
    gradients: tf.Tensor[] = [],
  ): tf.Scalar {
    const { value, grads } = this.computeGradients(loss, [...variables, ...others]);
    for (const { name } of others) {
      gradients.push(grads[name] as tf.Tensor);
      delete grads[name];
    }
    const kept = 1 - this.internals.learningRate * decay;
    if (decay > 0) tf.tidy(() => kernels.forEach((kernel) => void kernel.assign(tf.mul(kernel, kept))));
    // The names and their gradients, although the type says variables.
    this.applyGradients(grads as tf.NamedTensorMap as never);
    tf.dispose(grads);
    return value;
  }

  /** Reads everything that the next step depends on, except the variables themselves. */
  async readState(): Promise<Float32Array[]> {
    return Promise.all(this.tensors().map((tensor) => tensor.data() as Promise<Float32Array>));
  }

  /** Restores the state of an optimiser of the same variables, in the order in which `minimize` receives them. */
  restore(variables: readonly tf.Variable[], [beta1, beta2, ...moments]: readonly Float32Array[]): void {
    const state = this.internals;
    // Before the first step there are no moments.
    const withMoments = variables.slice(0, moments.length / 2);
    tf.tidy(() => {
      const moment = ({ name, shape }: tf.Variable, values: Float32Array, suffix: string) => ({
        originalName: `${name}/${suffix}`,
        variable: tf.variable(tf.tensor(values, shape), false),
      });
      state.accBeta1.assign(tf.scalar((beta1 as Float32Array)[0] as number));
      state.accBeta2.assign(tf.scalar((beta2 as Float32Array)[0] as number));
      state.accumulatedFirstMoment = withMoments.map((variable, i) =>
        moment(variable, moments[i] as Float32Array, "m"),
      );
      state.accumulatedSecondMoment = withMoments.map((variable, i) =>
        moment(variable, moments[withMoments.length + i] as Float32Array, "v"),
      );
    });
  }

  private tensors(): tf.Variable[] {
    const { accBeta1, accBeta2, accumulatedFirstMoment, accumulatedSecondMoment } = this.internals;
    const moments = [...accumulatedFirstMoment, ...accumulatedSecondMoment].map(({ variable }) => variable);
    return [accBeta1, accBeta2, ...moments];
  }

  private get internals(): AdamState {
    return this as unknown as AdamState;
  }
}
