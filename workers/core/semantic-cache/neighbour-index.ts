/** An answered question near another one: its class, and the cosine of the angle between their embeddings. */
export interface Neighbour {
  label: number;
  similarity: number;
}

const firstRows = 256;

/**
 * The answered questions of one backbone, in memory, for the nearest to be found by brute force: unit-length float32
 * rows [rows, width] in a ring that grows up to `maxRows`; then the oldest leave first.
 *
 * @example
 * const memory = new NearestNeighbourIndex(64, 20_000);
 * memory.add(question.id, quantise(embedding, step), label);
 * const neighbours = memory.nearest(quantise(asked, step), recallNeighbours);
 */
export class NearestNeighbourIndex {
  readonly #width: number;
  readonly #maxRows: number;
  #rows = new Float32Array(0);
  readonly #labels: number[] = [];
  /** The question of each row; undefined where one was removed. */
  readonly #ids: (string | undefined)[] = [];
  readonly #rowOf = new Map<string, number>();
  /** Where the next question goes once the ring is full: the oldest row. */
  #oldest = 0;

  /** Of embeddings that wide; a row is 4·width bytes. Throws `RangeError` where there is no room for any. */
  constructor(width: number, maxRows: number) {
    if (!(width >= 1 && maxRows >= 1)) {
      throw new RangeError(
        `Error in NearestNeighbourIndex: width and maxRows must be 1 at least, but got ${width} and ${maxRows}`,
      );
    }
    this.#width = width;
    this.#maxRows = maxRows;
  }

  /** How many questions are remembered. */
  get size(): number {
    return this.#rowOf.size;
  }

  /**
   * Remembers a question; the same id again replaces it, as old as it was. A vector of zeros has no direction and is
   * not remembered. Throws `RangeError` on another width.
   */
  add(id: string, vector: Int16Array, label: number): void {
    const scale = this.#scaleOf("add", vector);
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

  /** Forgets a question, if it is there: its vector and all. Its place stays empty until the ring comes by. */
  remove(id: string): void {
    const row = this.#rowOf.get(id);
    if (row === undefined) return;
    this.#rowOf.delete(id);
    this.#ids[row] = undefined;
    this.#rows.fill(0, row * this.#width, (row + 1) * this.#width);
  }

  /**
   * The k nearest by cosine, nearest first, of equally near ones the newer first. Embeddings that are quantised as the
   * rows are find an exact repeat at 1, within 1e-6. Throws `RangeError` on another width.
   */
  nearest(embedding: ArrayLike<number>, k: number): Neighbour[] {
    const scale = this.#scaleOf("nearest", embedding);
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

  /** What makes an embedding unit length; 0 where it has no direction. */
  #scaleOf(operation: string, embedding: ArrayLike<number>): number {
    if (embedding.length !== this.#width) {
      throw new RangeError(
        `Error in NearestNeighbourIndex.${operation}: embeddings must be ${this.#width} wide, but got ${embedding.length}; ` +
          "those of another backbone have a memory of their own",
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

// Four sums at once: one alone would wait for itself at each step.
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
