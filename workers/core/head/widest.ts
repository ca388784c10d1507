/**
 * Memory for solving a region's head, of the 128 MB of an isolate: the backbone and the code take the rest.
 */
export const solveMaxBytes = 80 * 1024 * 1024;
/**
 * What solving holds for each of the (width + 1)² products: the sums of up to five folds and of all of them (4 bytes each:
 * they are symmetric), the matrix of zeros of a region without a prior, and the two matrices of one system (8 each).
 */
const bytesPerSquare = 48;
/** What it holds for each value of an embedding and label: the same sums and systems, and the heads. */
const bytesPerMoment = 96;

/** Returns how much memory a region takes to solve a head. */
export function regionSolveBytes(width: number, labels: number): number {
  return bytesPerSquare * (width + 1) ** 2 + bytesPerMoment * labels * (width + 1);
}

/** Returns the widest embedding that a region can learn on. Its sums grow with the square of the width. */
export function widestEmbedding(labels: number): number {
  // The root of bytesPerSquare·n² + bytesPerMoment·labels·n = solveMaxBytes.
  const half = (bytesPerMoment * labels) / (2 * bytesPerSquare);
  return Math.floor(Math.sqrt(half * half + solveMaxBytes / bytesPerSquare) - half) - 1;
}
