import { type Call, input, text } from "../call.ts";
import type { Dim } from "../dims.ts";
import { product } from "../dims.ts";
import { OnnxError } from "../errors.ts";
import { reshape, transpose } from "../moves.ts";
import { matmul } from "../products.ts";
import type { Value } from "../values.ts";

/**
 * Converts an Einstein sum of two inputs whose letters occur once in each: letters of both inputs and the result are the
 * batch of a matrix product, letters of both inputs alone are summed.
 */
export function einsum(call: Call): Value {
  const { g } = call;
  const equation = text(call, "equation", "").replaceAll(" ", "");
  const [, left, right, result] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]*)$/.exec(equation) ?? [];
  if (left === undefined || right === undefined || result === undefined) throw refusal(equation);
  const [a, b] = [input(call, 0, "Inputs[0]"), input(call, 1, "Inputs[1]")];
  const letters = { left: [...left], right: [...right], result: [...result] };
  const both = letters.left.filter((letter) => right.includes(letter));
  const outer = both.filter((letter) => result.includes(letter));
  const summed = both.filter((letter) => !result.includes(letter));
  const rows = letters.left.filter((letter) => !right.includes(letter));
  const columns = letters.right.filter((letter) => !left.includes(letter));
  const isPlain = [left, right, result].every((all) => new Set(all).size === all.length);
  if (!isPlain || [...rows, ...columns].some((letter) => !result.includes(letter))) throw refusal(equation);
  const sizes = new Map<string, Dim>();
  letters.left.forEach((letter, i) => void sizes.set(letter, a.shape[i] as Dim));
  letters.right.forEach((letter, i) => void sizes.set(letter, b.shape[i] as Dim));
  const shape = (all: readonly string[]) => all.map((letter) => sizes.get(letter) as Dim);
  const arranged = (value: Value, own: readonly string[], order: readonly string[], matrix: readonly string[][]) =>
    reshape(
      g,
      transpose(
        value,
        order.map((letter) => own.indexOf(letter)),
      ),
      [...shape(outer), ...matrix.map((all) => product(shape(all)))],
    );
  const x = arranged(a, letters.left, [...outer, ...rows, ...summed], [rows, summed]);
  const y = arranged(b, letters.right, [...outer, ...summed, ...columns], [summed, columns]);
  const order = [...outer, ...rows, ...columns];
  const whole = reshape(g, matmul(g, x, y), shape(order));
  return transpose(
    whole,
    letters.result.map((letter) => order.indexOf(letter)),
  );
}

function refusal(equation: string): OnnxError {
  return new OnnxError(
    `Einsum '${equation}' is not supported; two inputs whose letters differ, such as 'bij,bkj->bik', are. Write it as a ` +
      "product of matrices before the export",
  );
}
