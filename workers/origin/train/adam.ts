import * as tf from "@tensorflow/tfjs-core";

/** What of Adam's inside its types keep private; the library's own reading and writing of it rounds anew. */
interface Inside {
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

/** Adam (Kingma & Ba, arXiv 1412.6980) that can be stopped at any step and go on, to the bit, as though it never was. */
export class ResumableAdam extends tf.AdamOptimizer {
  constructor(learningRate: number) {
    super(learningRate, 0.9, 0.999);
  }

  set rate(rate: number) {
    this.inside.learningRate = rate;
  }

  /** Everything that the next step depends on, but for the variables themselves. */
  async state(): Promise<Float32Array[]> {
    return Promise.all(this.tensors().map((tensor) => tensor.data() as Promise<Float32Array>));
  }

  /** Takes up the state of an optimiser of the same variables, in the order in which `minimize` is given them. */
  restore(variables: readonly tf.Variable[], [beta1, beta2, ...moments]: readonly Float32Array[]): void {
    const { inside } = this;
    // Before the first step there are no moments.
    const known = variables.slice(0, moments.length / 2);
    tf.tidy(() => {
      const moment = ({ name, shape }: tf.Variable, values: Float32Array, suffix: string) => ({
        originalName: `${name}/${suffix}`,
        variable: tf.variable(tf.tensor(values, shape), false),
      });
      inside.accBeta1.assign(tf.scalar((beta1 as Float32Array)[0] as number));
      inside.accBeta2.assign(tf.scalar((beta2 as Float32Array)[0] as number));
      inside.accumulatedFirstMoment = known.map((variable, i) => moment(variable, moments[i] as Float32Array, "m"));
      inside.accumulatedSecondMoment = known.map((variable, i) =>
        moment(variable, moments[known.length + i] as Float32Array, "v"),
      );
    });
  }

  private tensors(): tf.Variable[] {
    const { accBeta1, accBeta2, accumulatedFirstMoment, accumulatedSecondMoment } = this.inside;
    const moments = [...accumulatedFirstMoment, ...accumulatedSecondMoment].map(({ variable }) => variable);
    return [accBeta1, accBeta2, ...moments];
  }

  private get inside(): Inside {
    return this as unknown as Inside;
  }
}
