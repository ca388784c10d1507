import { EnsembleNetwork } from "./ensemble.ts";
import { PlainNetwork } from "./plain-network.ts";
import type { NetworkShape, Trainable } from "./trainable.ts";

/** Builds a network by its form, with random weights that the seed decides. */
export function buildNetwork(shape: NetworkShape): Trainable {
  return shape.kind === "ensemble" ? new EnsembleNetwork(shape) : new PlainNetwork(shape);
}
