import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import { floatsOf, type Routines, routinesOf, withScratch } from "./heap.ts";
import { tile } from "./products.ts";

/** A matrix [rows, columns] in memory, as a factor of a product. */
export interface Factor {
  address: number;
  rows: number;
  columns: number;
  /** Whether it is stored as [columns, rows]. */
  isTransposed: boolean;
}

/** Steps of the sums that are computed at once: their packed factors stay in the processor's cache. */
const stepsMax = 512;

/**
 * Computes the product of two matrices into `to` [rows, columns]. Sums are added up in the order of their terms, so that the
 * result does not depend on sizes.
 */
export function multiply(backend: BackendWasm, a: Factor, b: Factor, to: number): void {
  const { rows, columns: steps } = a;
  const { columns } = b;
  const routines = routinesOf(backend);
  const most = Math.min(steps, stepsMax);
  const left = roundUp(rows, tile.rows) * most;
  const right = roundUp(columns, tile.columns) * most;
  withScratch(backend, left + right + tileFloats, (scratch) => {
    const [rightAt, tileAt] = [scratch + left * 4, scratch + (left + right) * 4];
    for (let first = 0; first < steps; first += stepsMax) {
      const count = Math.min(stepsMax, steps - first);
      // A row of the product belongs to a column of the packed factor.
      const own = { address: a.address, width: rows, length: steps, isByStep: a.isTransposed };
      pack(backend, routines, own, { first, count }, tile.rows, scratch);
      const other = { address: b.address, width: columns, length: steps, isByStep: !b.isTransposed };
      pack(backend, routines, other, { first, count }, tile.columns, rightAt);
      const target = { address: to, columns, tileAt, isAdded: first > 0 };
      multiplyPacked(backend, routines, { left: scratch, rows, right: rightAt, columns, count }, target);
    }
  });
}

export const tileFloats = tile.rows * tile.columns;

/** Rounds up to a multiple. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Vectors of `length` steps, `width` of them, in memory: as [length, width] if `isByStep`, otherwise as [width, length]. */
interface Vectors {
  address: number;
  width: number;
  length: number;
  isByStep: boolean;
}

/** Packs steps of vectors into panels of `panel` vectors each: [panels, count, panel]. */
function pack(
  backend: BackendWasm,
  routines: Routines,
  { address, width, length, isByStep }: Vectors,
  { first, count }: { first: number; count: number },
  panel: 4 | 8,
  to: number,
): void {
  if (isByStep) {
    packSteps(
      backend,
      routines,
      { address: address + first * width * 4, width, rowBytes: width * 4, count },
      panel,
      to,
    );
    return;
  }
  for (let start = 0; start < width; start += panel) {
    const target = to + start * count * 4;
    if (start + panel > width) clear(backend, target, panel * count);
    for (let i = 0; i < panel && start + i < width; i += 4) {
      const vectors = [0, 1, 2, 3].map((own) => address + ((start + i + own) * length + first) * 4);
      if (start + i + 4 <= width) {
        routines.packRows(...vectors, count, target + i * 4, panel * 4);
        continue;
      }
      for (let own = 0; start + i + own < width; own++) {
        routines.packColumn(vectors[own] as number, 4, count, target + (i + own) * 4, panel * 4);
      }
    }
  }
}

/** Rows of steps [count, width] in memory, `rowBytes` apart. */
export interface Steps {
  address: number;
  width: number;
  rowBytes: number;
  count: number;
}

/**
 * Packs steps into panels of `panel` values each.
 * @param panelSteps the steps of a whole panel, if these are only some of them
 */
export function packSteps(
  backend: BackendWasm,
  routines: Routines,
  { address, width, rowBytes, count }: Steps,
  panel: 4 | 8,
  to: number,
  panelSteps = count,
): void {
  const packColumns = panel === 4 ? routines.packColumns4 : routines.packColumns8;
  for (let start = 0; start < width; start += panel) {
    const [from, target] = [address + start * 4, to + start * panelSteps * 4];
    if (start + panel <= width) {
      packColumns(from, rowBytes, count, target);
      continue;
    }
    clear(backend, target, panel * count);
    for (let i = 0; start + i < width; i++)
      routines.packColumn(from + i * 4, rowBytes, count, target + i * 4, panel * 4);
  }
}

/** Packed factors of a product [rows, columns] of `count` steps. */
export interface Packed {
  left: number;
  rows: number;
  right: number;
  columns: number;
  count: number;
}

/** Multiplies packed factors. */
export function multiplyPacked(
  backend: BackendWasm,
  routines: Routines,
  { left, rows, right, columns, count }: Packed,
  { address, tileAt, isAdded }: { address: number; tileAt: number; isAdded: boolean },
): void {
  const { tileProduct1, tileProduct2, tileProduct3, tileProduct4 } = routines;
  const products = [tileProduct1, tileProduct2, tileProduct3, tileProduct4];
  const added = isAdded ? 1 : 0;
  const floats = floatsOf(backend);
  for (let column = 0; column < columns; column += tile.columns) {
    const panel = right + column * count * 4;
    const isWhole = column + tile.columns <= columns;
    for (let row = 0; row < rows; row += tile.rows) {
      const height = Math.min(tile.rows, rows - row);
      const product = products[height - 1] as Routines["tileProduct1"];
      const own = left + row * count * 4;
      const to = address + (row * columns + column) * 4;
      if (isWhole) {
        product(own, panel, to, columns * 4, count, added);
        continue;
      }
      // A narrow tile is computed beside the product, whose next row follows at once.
      const width = columns - column;
      for (let i = 0; isAdded && i < height; i++) {
        const from = to / 4 + i * columns;
        floats.copyWithin(tileAt / 4 + i * tile.columns, from, from + width);
      }
      product(own, panel, tileAt, tile.columns * 4, count, added);
      for (let i = 0; i < height; i++) {
        const from = tileAt / 4 + i * tile.columns;
        floats.copyWithin(to / 4 + i * columns, from, from + width);
      }
    }
  }
}

function clear(backend: BackendWasm, address: number, floats: number): void {
  floatsOf(backend).fill(0, address / 4, address / 4 + floats);
}
