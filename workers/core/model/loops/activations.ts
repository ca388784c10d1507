/** Applies an activation in place to rows of this width. */
export type Activation = (values: Float32Array, count: number, width: number) => void;

/** The activations that loops compute, by their names in a topology; null passes values on. */
export const activations: Readonly<Record<string, Activation | null>> = {
  linear: null,
  relu: (values, count) => {
    for (let i = 0; i < count; i++) if ((values[i] as number) < 0) values[i] = 0;
  },
  sigmoid: (values, count) => {
    for (let i = 0; i < count; i++) values[i] = 1 / (1 + Math.exp(-(values[i] as number)));
  },
  tanh: (values, count) => {
    for (let i = 0; i < count; i++) values[i] = Math.tanh(values[i] as number);
  },
  softmax: (values, count, width) => {
    for (let at = 0; at < count; at += width) normalise(values, at, at + width);
  },
};

function normalise(values: Float32Array, start: number, end: number): void {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i++) top = Math.max(top, values[i] as number);
  let sum = 0;
  for (let i = start; i < end; i++) {
    values[i] = Math.exp((values[i] as number) - top);
    sum += values[i] as number;
  }
  for (let i = start; i < end; i++) values[i] = (values[i] as number) / sum;
}
