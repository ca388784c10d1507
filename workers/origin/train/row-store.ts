import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Rows of more than this many bytes are kept in a file. */
const rowsInMemoryMaxBytes = 384 * 1024 ** 2;

/** Rows of float32 values [rows, width], in memory, or in a temporary file if they would take too much of it. */
export class RowStore {
  readonly width: number;
  /** The values, or the file's descriptor. */
  private readonly storage: Float32Array | number;

  constructor(rows: number, width: number, memoryMaxBytes = rowsInMemoryMaxBytes) {
    this.width = width;
    this.storage = rows * width * 4 <= memoryMaxBytes ? new Float32Array(rows * width) : openDeletedFile();
  }

  get isInMemory(): boolean {
    return typeof this.storage !== "number";
  }

  write(row: number, values: Float32Array): void {
    if (typeof this.storage !== "number") this.storage.set(values, row * this.width);
    else writeSync(this.storage, values, 0, values.byteLength, row * this.width * 4);
  }

  /** Reads rows one after another: [indexes, width]. */
  read(indexes: ArrayLike<number>): Float32Array {
    const { storage, width } = this;
    const out = new Float32Array(indexes.length * width);
    for (let i = 0; i < indexes.length; i++) {
      const row = indexes[i] as number;
      const target = out.subarray(i * width, (i + 1) * width);
      if (typeof storage !== "number") target.set(storage.subarray(row * width, (row + 1) * width));
      else readSync(storage, target, 0, width * 4, row * width * 4);
    }
    return out;
  }

  release(): void {
    if (typeof this.storage === "number") closeSync(this.storage);
  }
}

// The file is deleted at once: the system frees it when the process ends.
function openDeletedFile(): number {
  const folder = mkdtempSync(join(tmpdir(), "upriver-rows-"));
  try {
    return openSync(join(folder, "rows"), "w+");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
