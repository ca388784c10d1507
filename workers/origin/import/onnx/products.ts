import { type Dim, isKnown, product, same, textOf } from "./dims.ts";
import { binary, broadcast, expand } from "./elementwise.ts";
import { OnnxError } from "./errors.ts";
import { at, computed } from "./layout.ts";
import { reshape } from "./moves.ts";
import { attr, type TfGraph } from "./tf-graph.ts";
import { identity, knownValue, type Value } from "./values.ts";

/** Multiplies matrices on the last two axes, and broadcasts the others. */
export function matmul(g: TfGraph, a: Value, b: Value, isLast = false): Value {
  if (a.shape.length === 1) {
    const row = matmul(g, reshape(g, a, [1, ...a.shape]), b);
    return reshape(g, row, [...row.shape.slice(0, -2), ...row.shape.slice(-1)]);
  }
  if (b.shape.length === 1) {
    const column = matmul(g, a, reshape(g, b, [...b.shape, 1]));
    return reshape(g, column, column.shape.slice(0, -1));
  }
  checkInner(a, b);
  if (b.shape.length === 2) return dense(g, a, b, null, isLast);
  const outer = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const [x, y] = [a, b].map((value) => expand(g, value, [...outer, ...value.shape.slice(-2)])) as [Value, Value];
  const shape = [...outer, x.shape.at(-2) as Dim, y.shape.at(-1) as Dim];
  // A transposed right side, such as the keys of attention, is read in place.
  const rank = shape.length;
  const swapped = [...identity(rank).slice(0, -2), rank - 1, rank - 2];
  const isSwapped = !y.known && y.layout.join() === swapped.join();
  const right = isSwapped ? at(g, y, swapped) : at(g, y);
  return computed(
    g,
    "BatchMatMulV2",
    [at(g, x), right],
    { dtype: "float32", shape },
    { adj_x: attr.bool(false), adj_y: attr.bool(isSwapped) },
  );
}

function checkInner(a: Value, b: Value): void {
  if (same(a.shape.at(-1) as Dim, b.shape.at(-2) as Dim)) return;
  throw new OnnxError(`it multiplies ${textOf(a.shape)} by ${textOf(b.shape)}, which do not fit together`);
}

/**
 * Multiplies rows by a matrix [in, out] and adds a bias [out].
 * @param isLast keeps the product and its bias alone, so that a head can be cut off
 */
export function dense(g: TfGraph, given: Value, matrix: Value, bias: Value | null, isLast = false): Value {
  checkInner(given, matrix);
  const [inner, out] = matrix.shape as [Dim, Dim];
  const rows = given.shape.slice(0, -1);
  const x = rows.length === 1 ? given : reshape(g, given, [product(rows), inner]);
  const shape = [x.shape[0] as Dim, out];
  const { plain, factors } = isLast ? { plain: matrix, factors: null } : unscaled(matrix, 1);
  const inputs = [at(g, x), at(g, plain)];
  const product_ = (fused: Value | null) => {
    const op = fused ? "_FusedMatMul" : "MatMul";
    const all = fused ? [...inputs, at(g, fused)] : inputs;
    const more = fused ? { num_args: attr.int(1), fused_ops: attr.texts(["BiasAdd"]) } : {};
    const both = { transpose_a: attr.bool(false), transpose_b: attr.bool(false), ...more };
    return computed(g, op, all, { dtype: "float32", shape }, both);
  };
  if (!factors) return reshape(g, product_(bias), [...rows, out]);
  const scaled = binary(g, "Mul", product_(null), factors);
  return reshape(g, bias ? binary(g, "AddV2", scaled, bias) : scaled, [...rows, out]);
}

/**
 * Takes the factor of each output out of a matrix of 8-bit codes, to be applied to the product: the matrix stays small.
 * @param axis the axis of the outputs
 */
export function unscaled(matrix: Value, axis: number): { plain: Value; factors: Value | null } {
  const { known, shape } = matrix;
  const stored = known?.stored;
  if (stored?.type !== "uint8" || stored.by?.axis !== axis || !shape.every(isKnown)) {
    return { plain: matrix, factors: null };
  }
  const { codes, min, by } = stored;
  const data = Float32Array.from(codes, (code) => code + min);
  const plain = knownValue("float32", shape, data, { stored: { type: "uint8", codes, scale: 1, min } });
  return { plain, factors: knownValue("float32", [by.factors.length], by.factors) };
}
