import type { BudgetReport } from "./lease.ts";

/** One lease of a month as the registry keeps it. US dollars. */
export interface LedgerRow extends Pick<BudgetReport, "month" | "holder" | "call" | "questions" | "asked" | "leftOut"> {
  grantedUsd: number;
  spentUsd: number;
}

/** Returns what leases hold of a month's budget: what is granted, or more where a rung cost more than was reserved. */
export function committedUsd(rows: readonly LedgerRow[]): number {
  return rows.reduce((sum, { grantedUsd, spentUsd }) => sum + Math.max(grantedUsd, spentUsd), 0);
}

/**
 * Takes a report: what the lease has spent counts, and what it wants is granted as far as the budget reaches. The leases of a
 * month never hold more than its budget together. A report that comes twice, or after a later one, changes nothing.
 *
 * @param budgetUsd the budget of the month; null for none
 */
export function takeReport(all: readonly LedgerRow[], report: BudgetReport, budgetUsd: number | null): LedgerRow {
  const { demand: _, targetUsd, ...told } = report;
  const known = all.find(({ holder }) => holder === report.holder);
  if (known && known.call >= report.call) return known;
  const before = known?.grantedUsd ?? 0;
  if (budgetUsd === null) return { ...told, grantedUsd: before };
  const others = committedUsd(all.filter((row) => row !== known));
  const most = Math.max(0, budgetUsd - others);
  // What was granted before a lower budget came stays granted.
  return { ...told, grantedUsd: targetUsd <= before ? targetUsd : Math.max(before, Math.min(targetUsd, most)) };
}
