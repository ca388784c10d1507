import type { CertificateWindow } from "#core/confidence/window.ts";
import type { LabelSource } from "#core/contract/index.ts";
import { defaulted, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import { Memory } from "./memory.ts";

export const windowsTable = table("windows", {
  number: defaulted(number()),
  base: number(),
  state: json<CertificateWindow>(),
  /** Questions that the rule did not accept. */
  escalated: defaulted(number()),
  /** The last trial before the window: only later ones count. */
  afterTrial: number(),
  /** Data time of the newest trial that was counted. */
  newest: nullable(number()),
  /** The weakest source among its labels. */
  source: defaulted(text<LabelSource>()),
  closedAt: nullable(number()),
  reason: nullable(text()),
});

/** A window of a certificate. `number` is its row; `state.number` counts the windows of its version. */
export type RegionWindow = RowOf<typeof windowsTable>;

/** The table `windows`: what the certificate of each version counts. */
export class Windows {
  private readonly sql: SqlStorage;
  private readonly memory: Memory;

  constructor(sql: SqlStorage, memory = new Memory()) {
    this.sql = sql;
    this.memory = memory;
  }

  /** Returns the open window of a base version. Each version has its own, a canary as well. */
  current(base: number): RegionWindow | null {
    return windowsTable.first(this.sql, "WHERE base = ? AND closedAt IS NULL", base);
  }

  /** Returns what questions that arrive need of a version's open window, which `open` finds or opens: read once. */
  toCount(base: number, open: () => RegionWindow): { number: number; isPowered: boolean } {
    return this.memory.get(`window ${base}`, () => {
      const { number, state } = open();
      return { number, isPowered: state.powered !== undefined };
    });
  }

  /** Returns the open windows of all versions. */
  allOpen(): RegionWindow[] {
    return [...windowsTable.select(this.sql, "WHERE closedAt IS NULL ORDER BY number")];
  }

  /** Returns the version with an older open window that was asked last, but not `except`; null where there is none. */
  before(base: number, except: number | null): number | null {
    const query = `SELECT base FROM windows WHERE closedAt IS NULL AND base != ?1 AND base != ?2 AND number < coalesce(
      (SELECT number FROM windows WHERE base = ?1 AND closedAt IS NULL), 9e15) ORDER BY newest DESC LIMIT 1`;
    return this.sql.exec<{ base: number }>(query, base, except ?? base).toArray()[0]?.base ?? null;
  }

  /** Tells whether another version has an older open window. */
  isAnyBefore(base: number): boolean {
    return this.memory.get(`older window ${base}`, () => this.before(base, null) !== null);
  }

  /** Closes the windows of `base` and gives it those of `from`. */
  inherit(base: number, from: number): void {
    this.memory.forgetAll();
    windowsTable.update(this.sql, { closedAt: Date.now() }, "WHERE base = ? AND closedAt IS NULL", base);
    windowsTable.update(this.sql, { base }, "WHERE base = ?", from);
  }

  get(row: number): RegionWindow | null {
    return windowsTable.first(this.sql, "WHERE number = ?", row);
  }

  /** Opens a window that counts the trials after `afterTrial`. */
  open(base: number, state: CertificateWindow, afterTrial: number): void {
    this.memory.forgetAll();
    windowsTable.insert(this.sql, { base, state, afterTrial });
  }

  close(row: number, reason: string | null): void {
    this.memory.forgetAll();
    windowsTable.update(this.sql, { closedAt: Date.now(), reason }, "WHERE number = ?", row);
  }

  save(row: number, state: CertificateWindow): void {
    windowsTable.update(this.sql, { state }, "WHERE number = ?", row);
  }

  /** Records the data time of a trial that the window counted. */
  noteNewest(row: number, at: number): void {
    this.sql.exec("UPDATE windows SET newest = max(coalesce(newest, 0), ?) WHERE number = ?", at, row);
  }

  countEscalated(row: number, questions: number): void {
    this.sql.exec("UPDATE windows SET escalated = escalated + ? WHERE number = ?", questions, row);
  }

  /** Returns why the last closed window of a version was broken; null where it was not. */
  lastReason(base: number): string | null {
    const clause = "WHERE base = ? AND closedAt IS NOT NULL ORDER BY number DESC";
    return windowsTable.first(this.sql, clause, base)?.reason ?? null;
  }

  /** Records the source of a label: a window is as good as its weakest source. */
  noteSource(row: number, source: LabelSource): void {
    if (source === "human") windowsTable.update(this.sql, { source }, "WHERE number = ?", row);
  }
}
