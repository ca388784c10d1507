import type { HeadManifest, HeadPointer, RegionHead, Rule } from "#core/contract/index.ts";
import { json, nullable, number, type RowOf, table, text } from "../../table.ts";

const heads = table("heads", { base: number(), region: text(), number: number(), manifest: json<HeadManifest>() });

const pointers = table("head_pointers", {
  base: number(),
  region: text(),
  revision: number(),
  number: nullable(number()),
  rule: nullable(json<Rule>()),
});

const ofRegion = "WHERE base = ? AND region = ?";

/** The tables `heads` and `head_pointers`: every head of every region, and which one each region uses on a base version. */
export class HeadStore {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns a region's pointer on a base version; revision 0 where nothing was written for it. */
  pointer(base: number, region: string): HeadPointer {
    const row = pointers.first(this.sql, ofRegion, base, region);
    return row ? this.pointerOf(row) : { revision: 0, head: null, rule: null };
  }

  /** Tells whether a pointer was written for a region on a base version. */
  hasPointer(base: number, region: string): boolean {
    return pointers.first(this.sql, ofRegion, base, region) !== null;
  }

  /** Points a region to one of its heads (null: the global head) with a rule, as the next revision, above `after` as well. */
  setPointer(base: number, region: string, number: number | null, rule: Rule | null, after = 0): HeadPointer {
    const revision = Math.max(this.pointer(base, region).revision, after) + 1;
    pointers.insert(this.sql, { base, region, revision, number, rule }, "replace");
    return this.pointer(base, region);
  }

  add(manifest: HeadManifest): void {
    const { base, region, number } = manifest;
    heads.insert(this.sql, { base, region, number, manifest }, "replace");
  }

  find(base: number, region: string, number: number): HeadManifest | null {
    return heads.first(this.sql, `${ofRegion} AND number = ?`, base, region, number)?.manifest ?? null;
  }

  nextNumber(base: number, region: string): number {
    const query = `SELECT coalesce(max(number), 0) + 1 AS next FROM heads ${ofRegion}`;
    return this.sql.exec<{ next: number }>(query, base, region).one().next;
  }

  /** Returns the number of the head before `number`; null where there is none. */
  numberBefore(base: number, region: string, number: number): number | null {
    const clause = `${ofRegion} AND number < ? ORDER BY number DESC`;
    return heads.first(this.sql, clause, base, region, number)?.number ?? null;
  }

  /** Lists a region's heads, the newest first. */
  all(region: string): RegionHead[] {
    const current = new Map(
      [...pointers.select(this.sql, "WHERE region = ?", region)].map((row) => [row.base, row.number]),
    );
    const rows = [...heads.select(this.sql, "WHERE region = ? ORDER BY base DESC, number DESC", region)];
    return rows.map(({ base, number, manifest: { createdAt } }) => {
      return { base, number, createdAt, isCurrent: current.get(base) === number };
    });
  }

  basesOf(region: string): number[] {
    return [...pointers.select(this.sql, "WHERE region = ?", region)].map(({ base }) => base);
  }

  /** Lists the pointers of all regions on a base version. */
  pointersOn(base: number): { base: number; region: string; pointer: HeadPointer }[] {
    const rows = [...pointers.select(this.sql, "WHERE base = ? ORDER BY region", base)];
    return rows.map((row) => ({ base, region: row.region, pointer: this.pointerOf(row) }));
  }

  /** Lists the pointers of all regions on all base versions. */
  allPointers(): { base: number; region: string; pointer: HeadPointer }[] {
    const bases = this.sql.exec<{ base: number }>("SELECT DISTINCT base FROM head_pointers ORDER BY base").toArray();
    return bases.flatMap(({ base }) => this.pointersOn(base));
  }

  count(): number {
    return this.sql.exec<{ n: number }>("SELECT count(*) AS n FROM heads").one().n;
  }

  regionsWithHead(base: number): string[] {
    const rows = [...pointers.select(this.sql, "WHERE base = ? AND number IS NOT NULL", base)];
    return rows.map(({ region }) => region);
  }

  /** Raises the revisions of all pointers. */
  raiseRevisions(by: number): void {
    this.sql.exec("UPDATE head_pointers SET revision = revision + ?", by);
  }

  private pointerOf({ base, region, revision, number, rule }: RowOf<typeof pointers>): HeadPointer {
    return { revision, head: number === null ? null : this.find(base, region, number), rule };
  }
}
