import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { factorInPlace } from "#core/head/cholesky.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

function positiveDefinite(size: number, seed: number): Matrix {
  const values = new Matrix(Array.from({ length: size }, (_, i) => [...uniform(seeded(seed + i), size, -1, 1)]));
  return Matrix.add(values.mmul(values.transpose()), Matrix.eye(size));
}

describe("a matrix that is factored in its own place", () => {
  it.each([1, 2, 7, 40])("of size %i solves with the bits of ml-matrix", (size) => {
    const left = positiveDefinite(size, 3);
    const right = new Matrix(Array.from({ length: size }, (_, i) => [...uniform(seeded(90 + i), 3, -1, 1)]));
    const expected = new CholeskyDecomposition(left.clone()).solve(right);
    expect(factorInPlace(left)?.solve(right).to2DArray()).toEqual(expected.to2DArray());
  });

  it("is refused when it is not positive definite", () => {
    expect(
      factorInPlace(
        new Matrix([
          [1, 2],
          [2, 1],
        ]),
      ),
    ).toBeNull();
    expect(factorInPlace(Matrix.zeros(2, 2))).toBeNull();
    expect(factorInPlace(new Matrix([[Number.NaN]]))).toBeNull();
  });
});
