import { addDemand, type Demand, noDemand, type Plan, wholePlan } from "./pacing.ts";

/** What a region may spend in a month without asking the registry, and what it has spent. Plain JSON; US dollars. */
export interface Lease {
  month: string;
  /** Names the lease at the registry: a region that was forgotten holds another one. */
  holder: string;
  /** The number of the last report. Grows. */
  call: number;
  /** The budget of the model; null for none. */
  usdPerMonth: number | null;
  /** All that the registry has granted in this month. */
  grantedUsd: number;
  spentUsd: number;
  /** What the questions that are being asked may cost at most. */
  reservedUsd: number;
  /** Questions that came to the region, that rungs with a price were asked, and that the budget left out. */
  questions: number;
  asked: number;
  leftOut: number;
  /** What has not been reported yet. */
  demand: Demand;
  isReported: boolean;
  plan: Plan;
}

/** What a region reports. Amounts are totals of the month: a report that is lost or repeated changes nothing. */
export interface BudgetReport extends Pick<Lease, "month" | "holder" | "call" | "questions" | "asked" | "leftOut"> {
  spentUsd: number;
  /** What the region wants to be granted in all; less than before returns the rest. */
  targetUsd: number;
  demand: Demand;
}

/** The registry's reply. */
export interface BudgetGrant {
  /** All that is granted to the lease in this month. */
  grantedUsd: number;
  plan: Plan;
}

/** Sums of fractions are this near to what they should be. */
const restUsd = 1e-12;

/** Starts a month without a grant. */
export function startLease(month: string, holder: string, plan: Plan = wholePlan): Lease {
  return {
    ...{ month, holder, call: 0, usdPerMonth: null, grantedUsd: 0, spentUsd: 0, reservedUsd: 0 },
    ...{ questions: 0, asked: 0, leftOut: 0, demand: noDemand(), isReported: true, plan },
  };
}

/** Returns what may still be reserved; infinite without a budget. */
export function freeUsd({ usdPerMonth, grantedUsd, spentUsd, reservedUsd }: Lease): number {
  return usdPerMonth === null ? Number.POSITIVE_INFINITY : grantedUsd - spentUsd - reservedUsd + restUsd;
}

/** Reserves the most that a question can cost; null where the lease does not have it. */
export function reserve(lease: Lease, usd: number): Lease | null {
  return usd > freeUsd(lease) ? null : { ...lease, reservedUsd: lease.reservedUsd + usd, isReported: false };
}

/** Replaces what was reserved for a question by what it cost. */
export function settle(lease: Lease, reserved: number, usd: number): Lease {
  return {
    ...lease,
    reservedUsd: lease.reservedUsd - reserved < restUsd ? 0 : lease.reservedUsd - reserved,
    spentUsd: lease.spentUsd + usd,
    asked: lease.asked + (usd > 0 ? 1 : 0),
    isReported: false,
  };
}

/** Counts what was being asked when the object was evicted as spent: nobody knows better. */
export function recover(lease: Lease): Lease {
  const { reservedUsd, spentUsd } = lease;
  return reservedUsd === 0 ? lease : { ...lease, reservedUsd: 0, spentUsd: spentUsd + reservedUsd, isReported: false };
}

/** Makes the next report, which asks for `slackUsd` beyond what is spent and reserved, and the lease that waits for its reply. */
export function report(lease: Lease, slackUsd: number, now: number): { lease: Lease; sent: BudgetReport } {
  const { month, holder, spentUsd, reservedUsd, questions, asked, leftOut, demand } = lease;
  // A time as the number is higher than any number of an earlier state.
  const call = Math.max(lease.call + 1, now);
  const targetUsd = spentUsd + reservedUsd + slackUsd;
  return {
    // What is returned is not spent from now on, even if the reply is lost.
    lease: {
      ...{ ...lease, call, demand: noDemand(), isReported: true },
      grantedUsd: Math.min(lease.grantedUsd, targetUsd),
    },
    sent: { month, holder, call, spentUsd, questions, asked, leftOut, demand, targetUsd },
  };
}

/** Takes the reply to the last report; `lease` is the state of now, in which questions may have been settled meanwhile. */
export function granted(lease: Lease, { grantedUsd, plan }: BudgetGrant): Lease {
  return { ...lease, grantedUsd, plan };
}

/** Takes back a report that did not arrive: its demand is sent again. */
export function unreported(lease: Lease, { demand }: BudgetReport): Lease {
  return { ...lease, demand: addDemand(lease.demand, demand), isReported: false };
}
