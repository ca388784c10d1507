import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Above this many bytes, rows are kept in a file, and read as they are needed. */
export const rowsInMemoryMaxBytes = 1024 ** 3;

/** Rows of float32 values, [rows, width], in memory, or in a file of their own where they would take too much of it. */
export class RowStore {
  readonly width: number;
  private readonly place: Float32Array | number;

  constructor(rows: number, width: number, memoryMaxBytes = rowsInMemoryMaxBytes) {
    this.width = width;
    this.place = rows * width * 4 <= memoryMaxBytes ? new Float32Array(rows * width) : openUnnamed();
  }

  get isInMemory(): boolean {
    return typeof this.place !== "number";
  }

  write(row: number, values: Float32Array): void {
    if (typeof this.place !== "number") this.place.set(values, row * this.width);
    else writeSync(this.place, values, 0, values.byteLength, row * this.width * 4);
  }

  /** The picked rows, one after another: [picked, width]. */
  read(chosen: ArrayLike<number>): Float32Array {
    const { place, width } = this;
    const out = new Float32Array(chosen.length * width);
    for (let i = 0; i < chosen.length; i++) {
      const row = chosen[i] as number;
      const target = out.subarray(i * width, (i + 1) * width);
      if (typeof place !== "number") target.set(place.subarray(row * width, (row + 1) * width));
      else readSync(place, target, 0, width * 4, row * width * 4);
    }
    return out;
  }

  release(): void {
    if (typeof this.place === "number") closeSync(this.place);
  }
}

// Its name is gone at once: what is left of it goes with the process.
function openUnnamed(): number {
  const folder = mkdtempSync(join(tmpdir(), "upriver-rows-"));
  try {
    return openSync(join(folder, "rows"), "w+");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
