import type { Normalisation } from "../call.ts";
import { axisOf, type Call, type Convert, float, input, int, only } from "../call.ts";
import type { Dim } from "../dims.ts";
import { binary, scalar, unary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { reshape } from "../moves.ts";
import { reduce, standardised } from "../reductions.ts";
import { identity, type Value } from "../values.ts";

/** Returns what a batch normalisation multiplies each channel by, and adds. */
export function normalisationOf(call: Call): Normalisation {
  const { g } = call;
  const [scale, bias, mean, variance] = ["scale", "B", "input_mean", "input_var"].map((name, i) => {
    return input(call, i + 1, name);
  }) as [Value, Value, Value, Value];
  if (int(call, "training_mode", 0) !== 0) {
    throw new OnnxError("the model was exported for training. Call model.eval() before the export");
  }
  const deviation = unary(g, "Sqrt", binary(g, "AddV2", variance, scalar(float(call, "epsilon", 1e-5))));
  const factor = binary(g, "RealDiv", scale, deviation);
  return { factor, offset: binary(g, "Sub", bias, binary(g, "Mul", mean, factor)) };
}

// Parameters of channels lie on axis 1.
function perChannel(call: Call, value: Value, rank: number): Value {
  return reshape(call.g, value, [value.shape[0] as Dim, ...Array(Math.max(0, rank - 2)).fill(1)]);
}

function batchNormalisation(call: Call): Value {
  const x = input(call, 0, "X");
  const { factor, offset } = normalisationOf(call);
  const [by, plus] = [factor, offset].map((value) => perChannel(call, value, x.shape.length)) as [Value, Value];
  return binary(call.g, "AddV2", binary(call.g, "Mul", x, by), plus);
}

function scaled(call: Call, x: Value, scale: Value, bias: Value | null): Value {
  const by = binary(call.g, "Mul", x, scale);
  return bias ? binary(call.g, "AddV2", by, bias) : by;
}

function layerNormalisation(call: Call): Value {
  only(call, "stash_type", 1);
  const x = input(call, 0, "X");
  const first = axisOf(int(call, "axis", -1), x.shape.length);
  const axes = identity(x.shape.length).slice(first);
  const own = standardised(call.g, x, axes, float(call, "epsilon", 1e-5));
  return scaled(call, own, input(call, 1, "Scale"), call.inputs[2] ?? null);
}

function instanceNormalisation(call: Call): Value {
  const x = input(call, 0, "input");
  const rank = x.shape.length;
  const own = standardised(call.g, x, identity(rank).slice(2), float(call, "epsilon", 1e-5));
  const [scale, bias] = [input(call, 1, "scale"), input(call, 2, "B")];
  return scaled(call, own, perChannel(call, scale, rank), perChannel(call, bias, rank));
}

function groupNormalisation(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const [n, c, ...rest] = x.shape as [Dim, number, ...Dim[]];
  const groups = int(call, "num_groups", 1);
  const grouped = reshape(g, x, [n, groups, c / groups, ...rest]);
  const own = standardised(g, grouped, identity(grouped.shape.length).slice(2), float(call, "epsilon", 1e-5));
  // Opset 18 has a scale for each group, opset 21 one for each channel.
  const wide = (value: Value) => {
    const [size] = value.shape as [number];
    const [a, b] = size === groups ? [groups, 1] : [groups, c / groups];
    return reshape(g, value, [a, b, ...rest.map(() => 1)]);
  };
  return reshape(g, scaled(call, own, wide(input(call, 1, "scale")), wide(input(call, 2, "bias"))), x.shape);
}

function lpNormalisation(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "input");
  const axis = axisOf(int(call, "axis", -1), x.shape.length);
  const size =
    int(call, "p", 2) === 1
      ? reduce(g, "Sum", unary(g, "Abs", x), [axis])
      : unary(g, "Sqrt", reduce(g, "Sum", unary(g, "Square", x), [axis]));
  return binary(g, "RealDiv", x, size);
}

/** Operators that normalise. */
export const normalisations: Record<string, Convert> = {
  BatchNormalization: batchNormalisation,
  LayerNormalization: layerNormalisation,
  InstanceNormalization: instanceNormalisation,
  GroupNormalization: groupNormalisation,
  LpNormalization: lpNormalisation,
};
