import type { BudgetGrant, BudgetReport } from "#core/budget/lease.ts";
import { committedUsd, takeReport } from "#core/budget/ledger.ts";
import { monthEnd, monthOf } from "#core/budget/month.ts";
import { leastHelpPerUsd, type Plan, planFor, wholePlan } from "#core/budget/pacing.ts";
import { defaultExplorationShare } from "#core/confidence/escalation.ts";
import type { ModelSpending } from "#core/contract/index.ts";
import type { EdgeCounts } from "./tables/edge-counts.ts";
import type { Ledger } from "./tables/ledger.ts";

/** Keeps the books of a month's budget over all regions: leases it to them, and plans which questions it is spent on. */
export class Spendings {
  private readonly ledger: Ledger;
  private readonly edge: Pick<EdgeCounts, "all">;

  constructor(ledger: Ledger, edge: Pick<EdgeCounts, "all">) {
    this.ledger = ledger;
    this.edge = edge;
  }

  /** Takes a region's report: counts what was spent, leases more or takes back the rest, and plans again. */
  take(region: string, report: BudgetReport, usdPerMonth: number | null): BudgetGrant {
    const { month, demand } = report;
    const now = Date.now();
    const all = this.ledger.of(month);
    const isNew = all.every(({ holder, call }) => holder !== report.holder || call < report.call);
    const row = takeReport(all, report, usdPerMonth);
    this.ledger.edgeBefore(month, this.edgeQuestions());
    this.ledger.set(region, row);
    if (isNew) this.ledger.addDemand(demand, now);
    return { grantedUsd: row.grantedUsd, plan: this.plan(month, usdPerMonth, now) };
  }

  state(usdPerMonth: number | null): ModelSpending {
    const now = Date.now();
    const month = monthOf(now);
    const rows = this.ledger.of(month);
    const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((total, row) => total + of(row), 0);
    const [usd, asked] = [sum(({ spentUsd }) => spentUsd), sum((row) => row.asked)];
    const edge = this.edgeQuestions();
    const atEdge = rows.length === 0 ? 0 : Math.max(0, edge - this.ledger.edgeBefore(month, edge));
    const questions = sum((row) => row.questions) + atEdge;
    const originOnlyUsd = asked === 0 ? null : (usd / asked) * questions;
    const plan = this.plan(month, usdPerMonth, now);
    return {
      ...{
        month,
        usd,
        asked,
        questions,
        usdPerMonth,
        originOnlyUsd,
        status: statusOf({ usdPerMonth, usd, asked }, plan),
      },
      leftOut: sum((row) => row.leftOut),
      leasedUsd: Math.max(0, committedUsd(rows) - usd),
      leastHelpPerUsd: leastHelpPerUsd(plan),
      savedUsd: originOnlyUsd === null ? null : Math.max(0, originOnlyUsd - usd),
    };
  }

  forgetRegion(region: string): void {
    this.ledger.forgetRegion(region);
  }

  private plan(month: string, usdPerMonth: number | null, now: number): Plan {
    if (usdPerMonth === null) return wholePlan;
    const spent = this.ledger.of(month).reduce((sum, { spentUsd }) => sum + spentUsd, 0);
    const leftUsd = Math.max(0, usdPerMonth - spent);
    const outlook = { days: this.ledger.days(), leftUsd, now, end: monthEnd(month) };
    return planFor({ ...outlook, explorationShare: defaultExplorationShare });
  }

  // The regions count what the edge escalates.
  private edgeQuestions(): number {
    return this.edge.all().reduce((sum, { counts }) => sum + counts.questions, 0);
  }
}

function statusOf(
  { usdPerMonth, usd, asked }: Pick<ModelSpending, "usdPerMonth" | "usd" | "asked">,
  plan: Plan,
): ModelSpending["status"] {
  if (usdPerMonth === null) return "unlimited";
  // What is left does not pay for another question.
  if (asked > 0 && usdPerMonth - usd < usd / asked) return "used-up";
  return plan.bin < 0 ? "all" : "choosing";
}
