import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm/dist/backend_wasm.js";
import { floatsOf, type Routines, routinesOf, withScratch } from "./heap.ts";
import { narrowColumns, tile } from "./products.ts";

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
    const own = panelOf(panel, width - start);
    const target = to + start * count * 4;
    if (start + own > width) clear(backend, target, own * count);
    for (let i = 0; i < own && start + i < width; i += 4) {
      const [a, b, c, d] = [0, 1, 2, 3].map((vector) => address + ((start + i + vector) * length + first) * 4) as [
        ...[number, number, number, number],
      ];
      if (start + i + 4 <= width) {
        routines.packRows(a, b, c, d, count, target + i * 4, own * 4);
        continue;
      }
      for (const [vector, from] of [a, b, c].slice(0, width - start - i).entries()) {
        routines.packColumn(from, 4, count, target + (i + vector) * 4, own * 4);
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
  for (let start = 0; start < width; start += panel) {
    const own = panelOf(panel, width - start);
    const [from, target] = [address + start * 4, to + start * panelSteps * 4];
    if (start + own <= width) {
      (own === 4 ? routines.packColumns4 : routines.packColumns8)(from, rowBytes, count, target);
      continue;
    }
    clear(backend, target, own * count);
    const left = width - start;
    for (let i = 0; i < left; i++) routines.packColumn(from + i * 4, rowBytes, count, target + i * 4, own * 4);
  }
}

/** Returns the width of a panel: the last one is narrow if no more is left. */
function panelOf(panel: 4 | 8, left: number): 4 | 8 {
  return left <= narrowColumns ? narrowColumns : panel;
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
  const { tile1x4, tile2x4, tile3x4, tile4x4, tile1x8, tile2x8, tile3x8, tile4x8 } = routines;
  const [narrow, wide] = [
    [tile1x4, tile2x4, tile3x4, tile4x4],
    [tile1x8, tile2x8, tile3x8, tile4x8],
  ] as const;
  const added = isAdded ? 1 : 0;
  const floats = floatsOf(backend);
  for (let column = 0; column < columns; column += tile.columns) {
    const panel = right + column * count * 4;
    const own = panelOf(tile.columns, columns - column);
    const products = own === 4 ? narrow : wide;
    const width = Math.min(own, columns - column);
    for (let row = 0; row < rows; row += tile.rows) {
      const height = Math.min(tile.rows, rows - row);
      const product = products[height - 1] as Routines["tile4x8"];
      const factor = left + row * count * 4;
      const to = address + (row * columns + column) * 4;
      if (width === own) {
        product(factor, panel, to, columns * 4, count, added);
        continue;
      }
      // A tile that is wider than what is left is computed beside the product, whose next row follows at once.
      const [place, tilePlace] = [to / 4, tileAt / 4];
      if (isAdded) copyRows(floats, { from: place, fromRow: columns, to: tilePlace, toRow: own }, height, width);
      product(factor, panel, tileAt, own * 4, count, added);
      copyRows(floats, { from: tilePlace, fromRow: own, to: place, toRow: columns }, height, width);
    }
  }
}

/** Copies a few rows of a few values. */
function copyRows(
  floats: Float32Array,
  { from, fromRow, to, toRow }: Record<"from" | "fromRow" | "to" | "toRow", number>,
  height: number,
  width: number,
): void {
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < width; i++) floats[to + row * toRow + i] = floats[from + row * fromRow + i] as number;
  }
}

function clear(backend: BackendWasm, address: number, floats: number): void {
  floatsOf(backend).fill(0, address / 4, address / 4 + floats);
}
