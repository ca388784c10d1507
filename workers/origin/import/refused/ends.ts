import type { TensorSpec } from "#core/contract/index.ts";
import type { Tensor, TensorInfo } from "#core/model/engine.ts";
import type { Refusal } from "./refusal.ts";

const types = ["float32", "int32", "bool"];

/** Lists the inputs that no request can give: of texts, or without a batch. */
export function refusedInputs(inputs: readonly TensorInfo[]): Refusal[] {
  return inputs.flatMap(({ name, shape, dtype }): Refusal[] => {
    const refuse = (reason: string, advice: string): Refusal[] => [
      { operation: `Input '${name}'`, reason, advice, where: [] },
    ];
    if (!types.includes(dtype)) {
      return refuse(
        `it takes ${dtype === ("string" as string) ? "texts" : `values of type ${dtype}`}, and the edge's models take numbers`,
        "turn them into numbers before you ask, and export the model from those on",
      );
    }
    if (shape?.length === 0) {
      return refuse(
        "it is one value without a batch dimension, the same for all instances",
        "export the model with this value as a constant, or with one value an instance (shape [None])",
      );
    }
    const [batch = -1] = shape ?? [];
    if (batch > 1 || batch === 0) {
      return refuse(
        `its first dimension is ${batch}, and the first dimension must be the batch`,
        "export the model with a batch dimension of None or 1",
      );
    }
    return [];
  });
}

/** Lists the outputs that no answer can give: of texts, or under one name. */
export function refusedOutputs(outputs: readonly TensorSpec[], values: readonly Tensor[]): Refusal[] {
  const refuse = (operation: string, reason: string, advice: string): Refusal => ({
    operation,
    reason,
    advice,
    where: [],
  });
  const texts = outputs.flatMap(({ name }, i) =>
    ArrayBuffer.isView(values[i]?.values)
      ? []
      : [refuse(`Output '${name}'`, "it returns texts", "export the model with the numbers before it as its output")],
  );
  return [...texts, ...equalNames("Output", outputs)];
}

/** Lists names that several inputs, or several outputs, have. */
export function equalNames(side: "Input" | "Output", specs: readonly Pick<TensorSpec, "name" | "tensor">[]): Refusal[] {
  return [...Map.groupBy(specs, ({ name }) => name)].flatMap(([name, group]): Refusal[] => {
    if (group.length === 1) return [];
    const tensors = group.map(({ tensor }) => `'${tensor}'`).join(", ");
    const sides = `${side.toLowerCase()}s`;
    return [
      {
        operation: `${side} '${name}'`,
        reason: `${group.length} ${sides} have this name (of ${tensors})`,
        advice: `export the model with ${sides} of different names`,
        where: [],
      },
    ];
  });
}
