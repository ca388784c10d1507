import * as tf from "@tensorflow/tfjs-core";
import { type AdamStep, adamStepKernel } from "../backend/kernels/adam-step.ts";

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-7];

/** The running means of a variable's gradient and of its square. */
interface Moments {
  m: tf.Variable;
  v: tf.Variable;
}

/** AdamW (arXiv 1412.6980 and 1711.05101) that can stop after any step and continue with bit-identical results. */
export class ResumableAdam {
  rate: number;
  private steps = 0;
  private moments: Moments[] = [];

  constructor(learningRate: number) {
    this.rate = learningRate;
  }

  /**
   * Takes a step on a loss, always of the same variables; kernels decay by `decay` times the rate. Gradients of `others` are
   * appended to `gradients` instead.
   */
  step(
    loss: () => tf.Scalar,
    variables: tf.Variable[],
    kernels: readonly tf.Variable[],
    decay: number,
    others: readonly tf.Variable[] = [],
    gradients: tf.Tensor[] = [],
  ): tf.Scalar {
    const { value, grads } = tf.variableGrads(loss, [...variables, ...others]);
    for (const { name } of others) {
      gradients.push(grads[name] as tf.Tensor);
      delete grads[name];
    }
    if (this.moments.length === 0) this.moments = variables.map((variable) => startMoments(variable));
    this.steps++;
    const second = 1 / (1 - beta2 ** this.steps);
    const rate = this.rate / (1 - beta1 ** this.steps);
    for (const [i, variable] of variables.entries()) {
      const gradient = grads[variable.name];
      if (!gradient) continue;
      const kept = kernels.includes(variable) ? 1 - this.rate * decay : 1;
      const constants = { kept, rate, second, beta1, beta2, epsilon };
      tf.tidy(() => variable.assign(stepped(variable, gradient, this.moments[i] as Moments, constants)));
    }
    tf.dispose(grads);
    return value;
  }

  /** Reads everything that the next step depends on, except the variables themselves. */
  async readState(): Promise<Float32Array[]> {
    const { steps, moments } = this;
    const tensors = [...moments.map(({ m }) => m), ...moments.map(({ v }) => v)];
    const values = await Promise.all(tensors.map((tensor) => tensor.data() as Promise<Float32Array>));
    return [Float32Array.of(steps), ...values];
  }

  /** Restores the state of an optimiser of the same variables, in the same order. */
  restore(variables: readonly tf.Variable[], [steps, ...values]: readonly Float32Array[]): void {
    this.dispose();
    this.steps = steps?.[0] as number;
    // Before the first step there are no moments.
    const withMoments = variables.slice(0, values.length / 2);
    this.moments = withMoments.map((variable, i) => {
      return startMoments(variable, values[i], values[withMoments.length + i]);
    });
  }

  dispose(): void {
    for (const { m, v } of this.moments) tf.dispose([m, v]);
    this.moments = [];
  }
}

/** Creates a variable's moments, which share their memory with no other tensor. */
function startMoments({ shape, size }: tf.Variable, m?: Float32Array, v?: Float32Array): Moments {
  const own = (values: Float32Array = new Float32Array(size)) => tf.variable(tf.tensor(values, shape), false);
  return tf.tidy(() => ({ m: own(m), v: own(v) }));
}

/** Computes a variable's next value, and sets its moments. Only the WASM backend has the kernel that does it in one pass. */
function stepped(value: tf.Variable, gradient: tf.Tensor, { m, v }: Moments, constants: AdamStep): tf.Tensor {
  if (tf.getKernel(adamStepKernel, tf.getBackend())) {
    return tf.engine().runKernel(adamStepKernel, { value, gradient, m, v }, { ...constants }) as tf.Tensor;
  }
  m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
  v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
  const size = tf.add(tf.sqrt(tf.mul(v, constants.second)), epsilon);
  return tf.sub(tf.mul(value, constants.kept), tf.div(tf.mul(m, constants.rate), size));
}
