/** An answered question near another one: its class, or its number, and the cosine similarity of their embeddings. */
export interface Neighbour {
  label: number;
  similarity: number;
}

const firstRows = 256;

/**
 * An in-memory nearest-neighbour index of answered questions of one backbone, searched by brute force: unit-length float32
 * rows [rows, width] in a ring that grows up to `maxRows` and then overwrites the oldest row.
 *
 * @example
 * const index = new NearestNeighbourIndex(64, 20_000);
 * index.add(question.id, quantise(embedding, step), label);
 * const neighbours = index.nearest(quantise(asked, step), neighbourCount);
 */
export class NearestNeighbourIndex {
  readonly #width: number;
  readonly #maxRows: number;
  #rows = new Float32Array(0);
  readonly #labels: number[] = [];
  /** The question id of each row; undefined if it was removed. */
  readonly #ids: (string | undefined)[] = [];
  readonly #rowOf = new Map<string, number>();
  /** The oldest row, which is overwritten next once the ring is full. */
  #oldest = 0;

  /** Creates an empty index; a row takes 4·width bytes. Throws `RangeError` if width or maxRows is below 1. */
  constructor(width: number, maxRows: number) {
    if (!(width >= 1 && maxRows >= 1)) {
      throw new RangeError(`width and maxRows must be at least 1; received ${width} and ${maxRows}.`);
    }
    this.#width = width;
    this.#maxRows = maxRows;
  }

  /** The number of questions in the index. */
  get size(): number {
    return this.#rowOf.size;
  }

  /**
   * Adds a question. The same id replaces the earlier vector and keeps its age. A vector of zeros has no direction and is
   * not added. Throws `RangeError` for another width.
   */
  add(id: string, vector: Int16Array, label: number): void {
    const scale = this.#scaleOf(vector);
    if (scale === 0) {
      this.remove(id);
      return;
    }
    const row = this.#rowOf.get(id) ?? this.#nextRow();
    for (let i = 0; i < this.#width; i++) this.#rows[row * this.#width + i] = (vector[i] as number) * scale;
    this.#labels[row] = label;
    this.#ids[row] = id;
    this.#rowOf.set(id, row);
  }

  /** Removes a question with its vector, if present. Its row stays empty until the ring overwrites it. */
  remove(id: string): void {
    const row = this.#rowOf.get(id);
    if (row === undefined) return;
    this.#rowOf.delete(id);
    this.#ids[row] = undefined;
    this.#rows.fill(0, row * this.#width, (row + 1) * this.#width);
  }

  /**
   * Finds the k nearest by cosine similarity, nearest first and, if equal, newer first. With embeddings quantised like the
   * rows, an exact repeat has similarity 1 to within 1e-6. Throws `RangeError` for another width.
   */
  nearest(embedding: ArrayLike<number>, k: number): Neighbour[] {
    const scale = this.#scaleOf(embedding);
    const found: Neighbour[] = [];
    if (scale === 0 || k < 1) return found;
    const query = Float32Array.from(embedding, (value) => value * scale);
    const rows = this.#ids.length;
    let least = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < rows; i++) {
      const row = i + this.#oldest < rows ? i + this.#oldest : i + this.#oldest - rows;
      const similarity = dot(query, this.#rows, row * this.#width);
      if (similarity < least || this.#ids[row] === undefined) continue;
      insert(found, { label: this.#labels[row] as number, similarity });
      if (found.length > k) found.pop();
      if (found.length === k) least = (found[k - 1] as Neighbour).similarity;
    }
    return found;
  }

  /** Computes the factor that gives an embedding unit length; 0 if it has no direction. */
  #scaleOf(embedding: ArrayLike<number>): number {
    if (embedding.length !== this.#width) {
      throw new RangeError(
        `embeddings must have width ${this.#width}; received ${embedding.length}. Create another index for another backbone.`,
      );
    }
    let square = 0;
    for (let i = 0; i < this.#width; i++) square += (embedding[i] as number) ** 2;
    return square > 0 && Number.isFinite(square) ? 1 / Math.sqrt(square) : 0;
  }

  #nextRow(): number {
    if (this.#ids.length < this.#maxRows) {
      this.#grow();
      return this.#ids.length;
    }
    const row = this.#oldest;
    this.#oldest = (row + 1) % this.#maxRows;
    const leaving = this.#ids[row];
    if (leaving !== undefined) this.#rowOf.delete(leaving);
    return row;
  }

  #grow(): void {
    const capacity = this.#rows.length / this.#width;
    if (this.#ids.length < capacity) return;
    const grown = new Float32Array(Math.min(this.#maxRows, Math.max(firstRows, 2 * capacity)) * this.#width);
    grown.set(this.#rows);
    this.#rows = grown;
  }
}

function insert(nearestFirst: Neighbour[], next: Neighbour): void {
  let at = nearestFirst.length;
  while (at > 0 && (nearestFirst[at - 1] as Neighbour).similarity <= next.similarity) at--;
  nearestFirst.splice(at, 0, next);
}

// Four independent sums, which the processor computes in parallel.
function dot(query: Float32Array, rows: Float32Array, offset: number): number {
  const width = query.length;
  const whole = width - (width % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i < whole; i += 4) {
    a += (query[i] as number) * (rows[offset + i] as number);
    b += (query[i + 1] as number) * (rows[offset + i + 1] as number);
    c += (query[i + 2] as number) * (rows[offset + i + 2] as number);
    d += (query[i + 3] as number) * (rows[offset + i + 3] as number);
  }
  for (; i < width; i++) a += (query[i] as number) * (rows[offset + i] as number);
  return a + b + (c + d);
}
