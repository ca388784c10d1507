import type { Matrix } from "ml-matrix";

/** The Cholesky factor of a matrix, in its lower triangle. */
export interface Factor {
  /** Solves for each column of `right`. */
  solve(right: Matrix): Matrix;
}

/**
 * Factors a symmetric matrix in its own place, which saves the memory of a second one: a region's is as wide as its
 * embedding. Returns null when the matrix is not positive definite; its values are lost either way.
 */
export function factorInPlace(matrix: Matrix): Factor | null {
  const rows = rowsOf(matrix);
  for (const [j, row] of rows.entries()) {
    let squares = 0;
    for (let k = 0; k < j; k++) {
      const above = rows[k] as Float64Array;
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (above[i] as number) * (row[i] as number);
      const value = ((row[k] as number) - sum) / (above[k] as number);
      row[k] = value;
      squares += value * value;
    }
    const rest = (row[j] as number) - squares;
    if (!(rest > 0)) return null;
    row[j] = Math.sqrt(rest);
  }
  return { solve: (right) => solve(rows, right) };
}

function solve(factor: readonly Float64Array[], right: Matrix): Matrix {
  const found = right.clone();
  const rows = rowsOf(found);
  const at = (i: number, k: number) => (factor[i] as Float64Array)[k] as number;
  for (let column = 0; column < found.columns; column++) {
    const value = (i: number) => (rows[i] as Float64Array)[column] as number;
    for (let k = 0; k < rows.length; k++) {
      let rest = value(k);
      for (let i = 0; i < k; i++) rest -= value(i) * at(k, i);
      (rows[k] as Float64Array)[column] = rest / at(k, k);
    }
    for (let k = rows.length - 1; k >= 0; k--) {
      let rest = value(k);
      for (let i = k + 1; i < rows.length; i++) rest -= value(i) * at(i, k);
      (rows[k] as Float64Array)[column] = rest / at(k, k);
    }
  }
  return found;
}

// ml-matrix stores rows; its types do not show it, and its accessors take several times as long.
function rowsOf(matrix: Matrix): Float64Array[] {
  return (matrix as unknown as { data: Float64Array[] }).data;
}
