import { type Call, type Convert, float, input, int, text } from "../call.ts";
import { binary, cast, scalar, select, unary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { at, computed } from "../layout.ts";
import { dtypeOf } from "../tensors.ts";
import { attr, type TfGraph } from "../tf-graph.ts";
import { numbersOf, type Value } from "../values.ts";

const one =
  (op: string): Convert =>
  (call) =>
    unary(call.g, op, input(call, 0, "X"));

const two =
  (op: string): Convert =>
  (call) =>
    binary(call.g, op, input(call, 0, "A"), input(call, 1, "B"));

const several =
  (op: string): Convert =>
  (call) =>
    call.inputs.map((_, i) => input(call, i, `${i}`)).reduce((a, b) => binary(call.g, op, a, b));

const plus = (g: TfGraph, a: Value, b: Value) => binary(g, "AddV2", a, b);
const by = (g: TfGraph, a: Value, b: Value) => binary(g, "Mul", a, b);

/** Limits elements to a range, either end of which may be open. */
export function clip(g: TfGraph, x: Value, low: number | null, high: number | null): Value {
  const isFloat = x.dtype === "float32";
  if (isFloat && low === 0 && high === 6) return unary(g, "Relu6", x);
  if (isFloat && low === 0 && high === null) return unary(g, "Relu", x);
  const above = low === null ? x : binary(g, "Maximum", x, scalar(low, x.dtype));
  return high === null ? above : binary(g, "Minimum", above, scalar(high, x.dtype));
}

function clipOf(call: Call): Value {
  const x = input(call, 0, "input");
  const ends = ["min", "max"].map((name, i) => {
    const given = call.inputs[i + 1];
    return given ? (numbersOf(given)?.[0] ?? given) : finite(float(call, name, Number.NaN));
  });
  if (ends.every((end) => end === null || typeof end === "number")) {
    return clip(call.g, x, ...(ends as [number | null, number | null]));
  }
  const value = (end: number | Value) => (typeof end === "number" ? scalar(end, x.dtype) : end);
  const [low, high] = ends as [number | Value | null, number | Value | null];
  const above = low === null ? x : binary(call.g, "Maximum", x, value(low));
  return high === null ? above : binary(call.g, "Minimum", above, value(high));
}

// Before opset 11 the ends are attributes, the largest numbers where they are open.
function finite(end: number): number | null {
  return Number.isNaN(end) || Math.abs(end) > 3e38 ? null : end;
}

function hardSigmoid(g: TfGraph, x: Value, alpha: number, beta: number): Value {
  return clip(g, plus(g, by(g, x, scalar(alpha)), scalar(beta)), 0, 1);
}

function gelu(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const half = by(g, x, scalar(0.5));
  if (text(call, "approximate", "none") === "tanh") {
    const cubed = by(g, by(g, x, unary(g, "Square", x)), scalar(0.044715));
    const inner = by(g, plus(g, x, cubed), scalar(Math.sqrt(2 / Math.PI)));
    return by(g, half, plus(g, unary(g, "Tanh", inner), scalar(1)));
  }
  return by(g, half, plus(g, unary(g, "Erf", by(g, x, scalar(Math.SQRT1_2))), scalar(1)));
}

function pow(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const y = input(call, 1, "Y");
  const exponent = numbersOf(y);
  if (exponent?.length === 1 && x.dtype === "float32") {
    if (exponent[0] === 2) return unary(g, "Square", x);
    if (exponent[0] === 0.5) return unary(g, "Sqrt", x);
    if (exponent[0] === -0.5) return unary(g, "Rsqrt", x);
    if (exponent[0] === 1) return x;
    if (exponent[0] === 3) return by(g, x, unary(g, "Square", x));
  }
  return cast(g, binary(g, "Pow", cast(g, x, "float32"), cast(g, y, "float32")), x.dtype);
}

function div(call: Call): Value {
  const { g } = call;
  const [a, b] = [input(call, 0, "A"), input(call, 1, "B")];
  const quotient = binary(g, "RealDiv", a, b);
  if (a.dtype === "float32" || quotient.known) return quotient;
  // The kernel rounds whole numbers down, ONNX towards zero, as a cast does.
  return cast(g, binary(g, "RealDiv", cast(g, a, "float32"), cast(g, b, "float32")), "int32");
}

function mod(call: Call): Value {
  const { g } = call;
  const [a, b] = [input(call, 0, "A"), input(call, 1, "B")];
  if (int(call, "fmod", 0) === 0) return binary(g, "FloorMod", a, b);
  const ratio = binary(g, "RealDiv", cast(g, a, "float32"), cast(g, b, "float32"));
  const whole = cast(g, cast(g, ratio, "int32"), a.dtype);
  return binary(g, "Sub", a, by(g, whole, b));
}

function leakyRelu(call: Call): Value {
  const alpha = { alpha: attr.float(float(call, "alpha", 0.01)) };
  return unary(call.g, "LeakyRelu", input(call, 0, "X"), alpha);
}

function prelu(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const below = by(g, binary(g, "Minimum", x, scalar(0)), input(call, 1, "slope"));
  return plus(g, unary(g, "Relu", x), below);
}

// alpha (e^(x / inner) − 1) below zero, gamma x above.
function elu(call: Call, alpha: number, gamma: number, inner: number): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const below = unary(g, "Expm1", by(g, binary(g, "Minimum", x, scalar(0)), scalar(1 / inner)));
  return plus(g, by(g, unary(g, "Relu", x), scalar(gamma)), by(g, below, scalar(alpha * gamma)));
}

function softplus(g: TfGraph, x: Value): Value {
  // max(x, 0) + log(1 + e^−|x|) does not overflow.
  const small = unary(g, "Exp", unary(g, "Neg", unary(g, "Abs", x)));
  return plus(g, unary(g, "Relu", x), unary(g, "Log1p", small));
}

function thresholdedRelu(call: Call): Value {
  const { g } = call;
  const x = input(call, 0, "X");
  const isAbove = binary(g, "Greater", x, scalar(float(call, "alpha", 1)));
  return by(g, x, cast(g, isAbove, "float32"));
}

const passOn: Convert = (call) => input(call, 0, "input");

function castOf(call: Call): Value {
  const to = int(call, "to", 0);
  return cast(call.g, input(call, 0, "input"), dtypeOf(to, "its result"));
}

function where(call: Call): Value {
  return select(call.g, input(call, 0, "condition"), input(call, 1, "X"), input(call, 2, "Y"));
}

function isInf(call: Call): Value {
  if (int(call, "detect_negative", 1) !== 1 || int(call, "detect_positive", 1) !== 1) {
    throw new OnnxError("IsInf for one sign is not supported");
  }
  return flagged("IsInf")(call) as Value;
}

const flagged =
  (op: string): Convert =>
  (call) => {
    const x = input(call, 0, "X");
    const { shape, layout } = x;
    return computed(call.g, op, [at(call.g, x, layout)], { dtype: "bool", shape, layout });
  };

/** Operators that work on each element. */
export const elementwise: Record<string, Convert> = {
  ...{ Abs: one("Abs"), Ceil: one("Ceil"), Cos: one("Cos"), Cosh: one("Cosh"), Erf: one("Erf"), Exp: one("Exp") },
  ...{ Acos: one("Acos"), Asin: one("Asin"), Atan: one("Atan"), Sin: one("Sin"), Sinh: one("Sinh"), Tan: one("Tan") },
  ...{ Floor: one("Floor"), Identity: passOn, Log: one("Log"), Neg: one("Neg"), Not: one("LogicalNot") },
  ...{ Reciprocal: one("Reciprocal"), Relu: one("Relu"), Round: one("Round"), Sigmoid: one("Sigmoid") },
  ...{ Sign: one("Sign"), Sqrt: one("Sqrt"), Tanh: one("Tanh"), IsNaN: flagged("IsNan"), IsInf: isInf },
  ...{ Add: two("AddV2"), Sub: two("Sub"), Mul: two("Mul"), Div: div, Pow: pow, Mod: mod },
  ...{ Max: several("Maximum"), Min: several("Minimum"), Sum: several("AddV2") },
  ...{ Equal: two("Equal"), Greater: two("Greater"), GreaterOrEqual: two("GreaterEqual"), Less: two("Less") },
  ...{ LessOrEqual: two("LessEqual"), And: two("LogicalAnd"), Or: two("LogicalOr"), Xor: two("NotEqual") },
  ...{ Cast: castOf, CastLike: (call) => cast(call.g, input(call, 0, "input"), input(call, 1, "target_type").dtype) },
  ...{ Where: where, Clip: clipOf, Gelu: gelu, PRelu: prelu, LeakyRelu: leakyRelu },
  // Dropout passes its input on; in training it would not.
  Dropout: passOn,
  Elu: (call) => elu(call, float(call, "alpha", 1), 1, 1),
  Selu: (call) => elu(call, float(call, "alpha", 1.6732631921768188), float(call, "gamma", 1.0507010221481323), 1),
  Celu: (call) => elu(call, float(call, "alpha", 1), 1, float(call, "alpha", 1)),
  Softplus: (call) => softplus(call.g, input(call, 0, "X")),
  Softsign: (call) => {
    const x = input(call, 0, "input");
    return binary(call.g, "RealDiv", x, plus(call.g, unary(call.g, "Abs", x), scalar(1)));
  },
  Mish: (call) => {
    const x = input(call, 0, "X");
    return by(call.g, x, unary(call.g, "Tanh", softplus(call.g, x)));
  },
  HardSigmoid: (call) => {
    return hardSigmoid(call.g, input(call, 0, "X"), float(call, "alpha", 0.2), float(call, "beta", 0.5));
  },
  HardSwish: (call) => {
    const x = input(call, 0, "X");
    return by(call.g, x, hardSigmoid(call.g, x, 1 / 6, 0.5));
  },
  Mean: (call) => by(call.g, several("AddV2")(call) as Value, scalar(1 / call.inputs.length)),
  ThresholdedRelu: thresholdedRelu,
};
