import type { TensorSpec } from "#core/contract/index.ts";

/** Throws if two inputs, or two outputs, have one name: callers could not tell them apart. */
export function checkNames(side: "input" | "output", specs: readonly TensorSpec[]): void {
  const twice = specs.find(({ name }, i) => specs.findIndex((other) => other.name === name) < i);
  if (!twice) return;
  const tensors = specs.filter(({ name }) => name === twice.name).map(({ tensor }) => `'${tensor}'`);
  throw new Error(
    `Two ${side}s have the name '${twice.name}': ${tensors.join(" and ")}. Rename one of them in the signature of model.json, ` +
      "or in the layers.",
  );
}
