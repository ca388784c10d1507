import { type Call, type Convert, float, input, int } from "../call.ts";
import { binary, scalar } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { reshape, transpose } from "../moves.ts";
import { dense, matmul } from "../products.ts";
import type { Value } from "../values.ts";
import { einsum } from "./einsum.ts";

function gemm(call: Call): Value {
  const { g } = call;
  const [alpha, beta] = [float(call, "alpha", 1), float(call, "beta", 1)];
  const turned = (name: string, value: Value) => (int(call, name, 0) === 1 ? transpose(value, [1, 0]) : value);
  const a = turned("transA", input(call, 0, "A"));
  const given = turned("transB", input(call, 1, "B"));
  const b = alpha === 1 ? given : binary(g, "Mul", given, scalar(alpha));
  const added = call.inputs[2] ?? null;
  const c = added && beta !== 1 ? binary(g, "Mul", added, scalar(beta)) : added;
  if (!c) return dense(g, a, b, null, call.isLast);
  // A bias for each column is fused into the product; another one is added to it.
  const columns = b.shape[1];
  if (c.shape.at(-1) === columns && c.shape.slice(0, -1).every((dim) => dim === 1) && c.known) {
    return dense(g, a, b, reshape(g, c, [columns as number]), call.isLast);
  }
  return binary(g, "AddV2", dense(g, a, b, null, call.isLast), c);
}

function matmulOf(call: Call): Value {
  const [a, b] = [input(call, 0, "A"), input(call, 1, "B")];
  if (a.dtype !== "float32" || b.dtype !== "float32") {
    throw new OnnxError("products of whole numbers are not supported. Convert the inputs to float before");
  }
  return matmul(call.g, a, b, call.isLast);
}

/** Operators that multiply matrices. */
export const products: Record<string, Convert> = { Gemm: gemm, MatMul: matmulOf, Einsum: einsum };
