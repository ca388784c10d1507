// Spends a month's budget where it helps most. Each question has an expected help for each US dollar. The demand of the rest
// of the month is forecast from recent days; the least help that is worth its price is where the part above it costs as much
// as is left. This fractional knapsack is solved again at every report, so an error of the forecast is spread over the rest
// of the month (re-solving the certainty-equivalent problem: Jasin & Kumar, Mathematics of Operations Research 37(2), 2012).

const dayMs = 24 * 3600_000;
/** Days that a forecast reads. */
export const demandDays = 10;
/** A day counts half as much as one this many days later. */
const halfLifeDays = 3;
/** A rate is not taken from less than a day. */
const leastObservedMs = dayMs;
/** Help for each US dollar, in bins of 5%, from 1e-4 to 1e10. */
const binRatio = 1.05;
const lowest = 1e-4;
const binMax = 660;

/** What questions would cost, in US dollars: by bin of help for each dollar, and opinions. Plain JSON. */
export interface Demand {
  up: Record<number, number>;
  opinions: number;
}

/** The demand of one day (UTC), and since when it was counted, ms since 1970. */
export interface DayDemand extends Demand {
  day: number;
  from: number;
}

/** Which questions go up until the next report. Plain JSON. */
export interface Plan {
  /** Bins above this one go up. */
  bin: number;
  /** The share of this bin that goes up as well. */
  share: number;
  /** The share of opinions that are asked for. */
  opinions: number;
}

/** What there is to plan with. */
export interface Outlook {
  days: readonly DayDemand[];
  /** US dollars that are left of the month's budget. */
  leftUsd: number;
  /** When it is, and when the month ends, ms since 1970. */
  now: number;
  end: number;
  /** The share of questions that are asked although they are left out, so that their help stays known. */
  explorationShare: number;
}

/** Everything goes up, and every opinion is asked for. */
export const wholePlan: Plan = { bin: -1, share: 1, opinions: 1 };

/** Creates an empty demand. */
export function noDemand(): Demand {
  return { up: {}, opinions: 0 };
}

/** Adds a question that may go up, by its expected help and price. */
export function addQuestion({ up, opinions }: Demand, help: number, expectedUsd: number): Demand {
  const bin = binOf(help / expectedUsd);
  return { up: { ...up, [bin]: (up[bin] ?? 0) + expectedUsd }, opinions };
}

/** Adds the demands of two disjoint sets of questions. */
export function addDemand(a: Demand, b: Demand): Demand {
  const up = { ...a.up };
  for (const [bin, usd] of Object.entries(b.up)) up[Number(bin)] = (up[Number(bin)] ?? 0) + usd;
  return { up, opinions: a.opinions + b.opinions };
}

/** Returns the number of a day (UTC). */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}

/** Forecasts the demand from now until the end of the month. */
export function forecast({ days, now, end }: Pick<Outlook, "days" | "now" | "end">): Demand {
  const today = dayOf(now);
  let [observedMs, weightedMs, opinions] = [0, 0, 0];
  const up: Record<number, number> = {};
  for (const { day, from, ...demand } of days) {
    if (day > today || day <= today - demandDays) continue;
    const weight = 0.5 ** ((today - day) / halfLifeDays);
    const ms = Math.max(0, Math.min(now, (day + 1) * dayMs) - from);
    observedMs += ms;
    weightedMs += weight * ms;
    opinions += weight * demand.opinions;
    for (const [bin, usd] of Object.entries(demand.up)) up[Number(bin)] = (up[Number(bin)] ?? 0) + weight * usd;
  }
  if (weightedMs === 0) return noDemand();
  const factor = Math.max(0, end - now) / (weightedMs * Math.max(1, leastObservedMs / observedMs));
  for (const bin in up) up[bin] = factor * (up[bin] as number);
  return { up, opinions: factor * opinions };
}

/** Plans which questions go up. Opinions are asked for only with what the questions leave over. */
export function planFor(outlook: Outlook): Plan {
  const { leftUsd, explorationShare } = outlook;
  const { up, opinions } = forecast(outlook);
  const bins = Object.entries(up).map(([bin, usd]) => ({ bin: Number(bin), usd }));
  const total = bins.reduce((sum, { usd }) => sum + usd, 0);
  if (total <= leftUsd) {
    return { ...wholePlan, opinions: opinions > 0 ? Math.min(1, (leftUsd - total) / opinions) : 1 };
  }
  // What is explored is paid from the same budget.
  let left = Math.max(0, leftUsd - explorationShare * total) / Math.max(1e-9, 1 - explorationShare);
  for (const { bin, usd } of bins.toSorted((a, b) => b.bin - a.bin)) {
    if (usd > left) return { bin, share: left / usd, opinions: 0 };
    left -= usd;
  }
  return wholePlan;
}

/**
 * Tells whether a question goes up.
 *
 * @param coin a uniform number in [0, 1) that does not depend on the question's content
 */
export function goesUp(plan: Plan, question: { help: number; expectedUsd: number; coin: number }, explored: number) {
  const { help, expectedUsd, coin } = question;
  const bin = binOf(help / expectedUsd);
  return bin > plan.bin || (bin === plan.bin && coin < plan.share) || coin >= 1 - explored;
}

/** Returns the help for each US dollar from which a plan's questions go up; 0 where all do. */
export function leastHelpPerUsd({ bin }: Plan): number {
  return bin < 0 ? 0 : lowest * binRatio ** bin;
}

function binOf(helpPerUsd: number): number {
  const bin = Math.floor(Math.log(helpPerUsd / lowest) / Math.log(binRatio));
  return Math.min(binMax, Math.max(0, bin));
}
