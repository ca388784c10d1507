/** The shares that a soft label is divided into, so that sums over labels stay exact integers. */
export const labelShares = 256;

/** A number as a distribution over classes, here bins: whole shares of consecutive classes that sum to `labelShares`. */
export interface SoftLabel {
  /** The number that it stands for. */
  value: number;
  /** The class of the first share. */
  first: number;
  shares: readonly number[];
}

/** What a row teaches a head: one class, or a soft label. */
export type Label = number | SoftLabel;

/** Returns the number that a soft label stands for; of a class, its index. */
export function numberIn(label: Label): number {
  return typeof label === "number" ? label : label.value;
}

/** Returns the probability that a label gives a class. */
export function probabilityOf(label: Label, c: number): number {
  if (typeof label === "number") return label === c ? 1 : 0;
  return (label.shares[c - label.first] ?? 0) / labelShares;
}

/** Computes the mean of a value per class under a label: of one class, its own value. */
export function meanUnder(label: Label, values: ArrayLike<number>): number {
  if (typeof label === "number") return values[label] as number;
  const { first, shares } = label;
  let sum = 0;
  for (let i = 0; i < shares.length; i++) sum += (shares[i] as number) * (values[first + i] as number);
  return sum / labelShares;
}

/** Writes the probabilities of a label into zeros that begin at `offset`. */
export function setTarget(targets: Float32Array, offset: number, label: Label): void {
  if (typeof label === "number") targets[offset + label] = 1;
  else for (const [i, share] of label.shares.entries()) targets[offset + label.first + i] = share / labelShares;
}
