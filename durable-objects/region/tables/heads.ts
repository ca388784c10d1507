import type { HeadManifest, HeadPointer, Rule } from "#core/contract/index.ts";
import { json, nullable, number, table } from "../../table.ts";
import { Memory } from "./memory.ts";

export const headsTable = table("heads", {
  base: number(),
  revision: number(),
  manifest: nullable(json<HeadManifest>()),
  rule: nullable(json<Rule>()),
});

/** The table `heads`: the region's head and rule on each base version, as the registry last sent them. */
export class Heads {
  private readonly sql: SqlStorage;
  private readonly memory: Memory;

  constructor(sql: SqlStorage, memory = new Memory()) {
    this.sql = sql;
    this.memory = memory;
  }

  pointer(base: number): HeadPointer {
    return this.memory.get(`head ${base}`, () => {
      const row = headsTable.first(this.sql, "WHERE base = ?", base);
      return { revision: row?.revision ?? 0, head: row?.manifest ?? null, rule: row?.rule ?? null };
    });
  }

  current(base: number): HeadManifest | null {
    return this.pointer(base).head;
  }

  /** Returns the versions on which the region has, or had, a head or a rule. */
  bases(): number[] {
    return Array.from(headsTable.select(this.sql, "ORDER BY base"), ({ base }) => base);
  }

  /** Lists the current head of each base version that has one. */
  all(): HeadManifest[] {
    return [...headsTable.select(this.sql, "ORDER BY base DESC")].flatMap(({ manifest }) => manifest ?? []);
  }

  /** Lists what the registry last sent of each base version. */
  pointers(): { base: number; pointer: HeadPointer }[] {
    const rows = [...headsTable.select(this.sql, "ORDER BY base")];
    return rows.map(({ base, revision, manifest, rule }) => ({ base, pointer: { revision, head: manifest, rule } }));
  }

  /** Stores a newer pointer. A lower revision changes nothing. */
  set(base: number, { revision, head, rule }: HeadPointer): void {
    if (revision <= this.pointer(base).revision) return;
    headsTable.insert(this.sql, { base, revision, manifest: head, rule }, "replace");
    this.memory.forget(`head ${base}`);
  }
}
