import type { GroupSums } from "#core/confidence/group.ts";
import type { CertificateWindow } from "#core/confidence/window.ts";
import { defaulted, json, nullable, number, table } from "../../table.ts";
import { Memory } from "./memory.ts";

export const groupWindowsTable = table("group_windows", {
  base: number(),
  state: json<CertificateWindow>(),
  escalated: defaulted(number()),
  newest: nullable(number()),
  /** Labels when the registry last received the sums. */
  sent: defaulted(number()),
});

/** The table `group_windows`: what this region contributes to the certificate of its group, by version. */
export class GroupWindows {
  private readonly sql: SqlStorage;
  private readonly memory: Memory;

  constructor(sql: SqlStorage, memory = new Memory()) {
    this.sql = sql;
    this.memory = memory;
  }

  get(base: number): CertificateWindow | null {
    return groupWindowsTable.first(this.sql, "WHERE base = ?", base)?.state ?? null;
  }

  bases(): number[] {
    return Array.from(groupWindowsTable.select(this.sql, "ORDER BY base"), ({ base }) => base);
  }

  open(base: number, state: CertificateWindow): void {
    groupWindowsTable.insert(this.sql, { base, state }, "replace");
    this.memory.forget(`group ${base}`);
  }

  save(base: number, state: CertificateWindow): void {
    groupWindowsTable.update(this.sql, { state }, "WHERE base = ?", base);
  }

  noteNewest(base: number, at: number): void {
    this.sql.exec("UPDATE group_windows SET newest = max(coalesce(newest, 0), ?) WHERE base = ?", at, base);
  }

  countEscalated(base: number, questions: number): void {
    // Most regions are in no group.
    if (!this.memory.get(`group ${base}`, () => this.get(base) !== null)) return;
    this.sql.exec("UPDATE group_windows SET escalated = escalated + ? WHERE base = ?", questions, base);
  }

  /** Gives a version what another has counted. */
  inherit(base: number, from: number): void {
    for (const one of [base, from]) this.memory.forget(`group ${one}`);
    groupWindowsTable.delete(this.sql, "WHERE base = ?", base);
    groupWindowsTable.update(this.sql, { base }, "WHERE base = ?", from);
  }

  /** Returns the sums of a version where many labels are new since the registry received them; null otherwise. */
  due(base: number): GroupSums | null {
    const row = groupWindowsTable.first(this.sql, "WHERE base = ?", base);
    if (!row) return null;
    const { labels } = row.state.trials;
    if (labels < row.sent + Math.max(1, freshShare * row.sent)) return null;
    return { window: row.state, escalated: row.escalated, newest: row.newest ?? row.state.from };
  }

  setSent(base: number, labels: number): void {
    groupWindowsTable.update(this.sql, { sent: labels }, "WHERE base = ?", base);
  }
}

/** The registry receives the sums once this share of the labels is new. */
const freshShare = 0.05;
