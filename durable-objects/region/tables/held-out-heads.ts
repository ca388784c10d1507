import { bytes, number, table } from "../../table.ts";

export const heldOutHeadsTable = table("held_out_heads", {
  base: number(),
  head: number(),
  fold: number(),
  weights: bytes(),
});

/**
 * The table `held_out_heads`: of the newest head of each version that has learned from the samples of all splits, the heads that
 * left out each fold. The next run judges the head in use by them, on samples that it has learned from.
 */
export class HeldOutHeads {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns a head's heads by fold, [width + 1, classes] each; none where it is not the newest, or has held samples out. */
  of(base: number, head: number): Float32Array[] {
    const rows = heldOutHeadsTable.select(this.sql, "WHERE base = ? AND head = ? ORDER BY fold", base, head);
    return Array.from(rows, ({ weights }) => new Float32Array(weights));
  }

  /** Stores those of a version's newest head in the place of earlier ones; of one without, none. */
  set(base: number, head: number, folds: readonly (ArrayBuffer | null)[]): void {
    this.remove(base);
    for (const [fold, weights] of folds.entries()) {
      if (weights) heldOutHeadsTable.insert(this.sql, { base, head, fold, weights });
    }
  }

  remove(base: number): void {
    heldOutHeadsTable.delete(this.sql, "WHERE base = ?", base);
  }
}
