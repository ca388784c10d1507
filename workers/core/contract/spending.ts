import * as z from "zod";

const usd = z.number().nonnegative();
/** What rungs with a price cost in a calendar month (UTC, "2026-11"). */
const spent = {
  month: z.string(),
  /** US dollars that were spent. */
  usd,
  /** Questions that these rungs were asked, opinions included, and questions that the budget left out. */
  asked: z.int(),
  leftOut: z.int(),
};

export const regionSpendingSchema = z.strictObject(spent).meta({ id: "RegionSpending" });
/** What a region has spent in this month. */
export type RegionSpending = z.infer<typeof regionSpendingSchema>;

export const passedSpendingSchema = z
  .strictObject({
    ...spent,
    usdPerMonth: z.number(),
  })
  .meta({ id: "PassedSpending" });
/** What requests for models that are not ours, passed on to `DECISIONS_ABOVE_URL`, have cost in this month. */
export type PassedSpending = z.infer<typeof passedSpendingSchema>;

/** `unlimited`: without a budget; `all`: it suffices for every question; `choosing`: it does not; `used-up`: nothing is left. */
export const budgetStatuses = ["unlimited", "all", "choosing", "used-up"] as const;

export const modelSpendingSchema = z
  .strictObject({
    ...spent,
    /** The budget; null for none. */
    usdPerMonth: z.number().nullable(),
    status: z.enum(budgetStatuses),
    /** What regions may spend without asking again, and have not spent. */
    leasedUsd: usd,
    /** The help for each US dollar from which questions go up: the probability that the rung above is right and the edge wrong, divided by the price. */
    leastHelpPerUsd: usd,
    /** All questions of the month. */
    questions: z.int(),
    /** What they had cost, had every one of them gone up, and what was saved of it; null before the first answer with a price. */
    originOnlyUsd: usd.nullable(),
    savedUsd: usd.nullable(),
  })
  .meta({ id: "ModelSpending" });
/** What a model has spent in this month, over all regions. */
export type ModelSpending = z.infer<typeof modelSpendingSchema>;
