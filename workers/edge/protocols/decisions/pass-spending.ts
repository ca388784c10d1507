import * as z from "zod";
import { freeUsd, granted, type Lease, report, reserve, settle, startLease } from "#core/budget/lease.ts";
import { monthOf } from "#core/budget/month.ts";
import { isPriced, learnTokenUse, noTokenUse, priceOf, type QuestionPrice } from "#core/budget/price.ts";
import { type PassedSpending, priceSchema } from "#core/contract/index.ts";
import { registryObject } from "#objects/stubs.ts";

/** The registry that keeps the books of what is passed on, over all isolates. No model has this name. */
const books = "~above";
/** Requests that a lease has room for beyond the present one. */
const leasedRequests = 8;

/** What requests that are passed on may cost in a calendar month, and what each costs. US dollars. */
export const passBudgetSchema = priceSchema
  .extend({ usdPerMonth: z.number().positive() })
  .refine(isPriced, "needs usdPerQuestion or usdPerMillionInputTokens");
type PassBudget = z.infer<typeof passBudgetSchema>;

/** What is reserved for a request, and in which month. */
interface Reserved extends QuestionPrice {
  month: string;
  bytes: number;
}

/** Counts what an isolate spends on requests that it passes on. It spends no more than it has leased. */
export class PassSpending {
  private readonly budget: PassBudget;
  private readonly holder = crypto.randomUUID();
  private lease: Lease | null = null;
  private use = noTokenUse();

  constructor(budget: PassBudget) {
    this.budget = budget;
  }

  /** Reserves the most that a request can cost; null where nothing is left of it. Throws where the books can't be reached. */
  async reserve(env: Env, bytes: number): Promise<Reserved | null> {
    const price = priceOf({ price: this.budget }, bytes, this.use);
    if (freeUsd(this.current()) < price.mostUsd) await this.report(env, price.mostUsd * (1 + leasedRequests));
    const held = reserve(this.current(), price.mostUsd);
    if (!held) {
      this.lease = { ...this.current(), leftOut: this.current().leftOut + 1, isReported: false };
      return null;
    }
    this.lease = held;
    return { ...price, bytes, month: held.month };
  }

  /**
   * Replaces what was reserved by what the request cost.
   *
   * @param billed the tokens that were read, null where they are not known; or whether a request without an answer may cost
   */
  settle({ month, bytes, mostUsd, expectedUsd }: Reserved, billed: { tokens: number | null } | boolean): void {
    const { usdPerQuestion = 0, usdPerMillionInputTokens = 0 } = this.budget;
    let usd = billed === false ? 0 : expectedUsd;
    if (typeof billed === "object") {
      const { tokens } = billed;
      const isKnown = tokens !== null || usdPerMillionInputTokens === 0;
      usd = isKnown ? usdPerQuestion + (usdPerMillionInputTokens * (tokens ?? 0)) / 1e6 : mostUsd;
      if (tokens !== null) this.use = learnTokenUse(this.use, { tokens, bytes });
    }
    const lease = this.current();
    // What an earlier month had reserved stays counted there.
    if (lease.month === month) this.lease = settle(lease, mostUsd, usd);
  }

  /** Reports what was spent, and leases more. */
  async report(env: Env, slackUsd: number): Promise<void> {
    const { lease, sent } = report(this.current(), slackUsd, Date.now());
    this.lease = lease;
    const grant = await registryObject(env, books).takeBudgetReport(books, sent, this.budget.usdPerMonth);
    if (this.current().month === sent.month) this.lease = granted(this.current(), grant);
  }

  /** Returns what all isolates have spent in this month, as far as they have reported it. */
  async state(env: Env): Promise<PassedSpending> {
    const { usdPerMonth } = this.budget;
    const { month, usd, asked, leftOut } = await registryObject(env, books).spending(usdPerMonth);
    return { month, usd, asked, leftOut, usdPerMonth };
  }

  private current(): Lease {
    const month = monthOf(Date.now());
    if (this.lease?.month !== month) {
      this.lease = { ...startLease(month, this.holder), usdPerMonth: this.budget.usdPerMonth };
    }
    return this.lease as Lease;
  }
}
