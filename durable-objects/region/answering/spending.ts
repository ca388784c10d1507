import { expectedHelp } from "#core/budget/help.ts";
import {
  type BudgetGrant,
  type BudgetReport,
  freeUsd,
  granted,
  type Lease,
  report,
  reserve,
  settle,
  startLease,
  unreported,
} from "#core/budget/lease.ts";
import { monthOf } from "#core/budget/month.ts";
import { addDemand, addQuestion, goesUp, noDemand } from "#core/budget/pacing.ts";
import { bytesOf, priceOf, type QuestionPrice } from "#core/budget/price.ts";
import { defaultExplorationShare } from "#core/confidence/escalation.ts";
import type { ClassifyManifest, ExternalRung, Policy, Question, RegionSpending } from "#core/contract/index.ts";
import { hmacUnit } from "#core/hash.ts";
import type { ExternalReply } from "#core/rung/external/client.ts";
import { hasPrice } from "#core/rung/external/ladder.ts";
import { mayBeBilled, RungUnavailableError } from "#core/rung/rung.ts";
import type { Jobs } from "#objects/jobs.ts";
import type { Mutex } from "../mutex.ts";
import type { ExternalRungs } from "../tables/external-rungs.ts";
import type { Leases } from "../tables/leases.ts";

/** How long what is spent, or not needed any more, may stay unreported. */
const reportEveryMs = 60_000;
/** Questions that a lease has room for, so that few of them wait for the registry. */
const leasedQuestions = 32;
/** When a question is asked again that found the registry unreachable. */
const registryRetryMs = 5_000;

/** Why a rung is asked: to answer a question, or for its opinion of an accepted answer. */
export type Purpose = "answer" | "opinion";

/** What the edge made of a question that the region has stored, and how often the rungs above were asked about it. */
interface KnownQuestion {
  confidence: number;
  tries: number;
}

interface SpendingNeeds {
  splitSecret: string;
  leases: Leases;
  external: Pick<ExternalRungs, "get" | "learnTokens">;
  /** What is known of a stored question; null for others. */
  known: (id: string) => KnownQuestion | null;
  /** Reports to the registry, which keeps the books of all regions. */
  report: (sent: BudgetReport, usdPerMonth: number | null) => Promise<BudgetGrant>;
  mutex: Mutex;
  jobs: Pick<Jobs, "bringForward">;
}

/** What is reserved for a question that may be asked, and in which month. */
export interface Priced extends QuestionPrice {
  month: string;
  bytes: number;
}
/** What is reserved for a question, or why it is not asked. */
export type Permit = Priced | RungUnavailableError;

/** The budget leaves a question out: it is not worth its price, or nothing is left. */
export class LeftOutError extends RungUnavailableError {
  constructor(rung: string, reason: string) {
    super(`${rung} is not asked: ${reason}`, { why: "allowance" });
  }
}

/** The registry can't be reached, and the lease is used up. It says nothing of the rung. */
export class NoLeaseError extends RungUnavailableError {
  constructor(rung: string) {
    super(`${rung} is not asked: no budget is leased, and the registry can't be reached`, {
      ...{ why: "rate-limited", retryAfterMs: registryRetryMs },
    });
  }
}

/** Decides which questions are worth the price of a rung, and counts what is spent. No region spends more than it has leased. */
export class Spending {
  private readonly needs: SpendingNeeds;

  constructor(needs: SpendingNeeds) {
    this.needs = needs;
    needs.leases.recover();
  }

  /** Counts new questions that came to the region. */
  arrived({ policy }: ClassifyManifest, questions: number): void {
    if (questions === 0 || !hasPrice(policy)) return;
    const lease = this.lease(policy);
    this.save({ ...lease, questions: lease.questions + questions, isReported: false });
  }

  /** Reserves the price of those questions that the budget lets go up. Each permit is to be settled. */
  async reserve(
    { policy, labels }: ClassifyManifest,
    rung: ExternalRung,
    questions: readonly Question[],
    purpose: Purpose,
  ): Promise<Permit[]> {
    const { external, known, splitSecret } = this.needs;
    const { use, help } = external.get(rung);
    const sizeOf = bytesOf(rung, labels);
    const coins = questions.map(({ id }) => hmacUnit(splitSecret, `budget|${id}`));
    const drawn = questions.map(({ id, instance }, i) => {
      const bytes = sizeOf(instance);
      const stored = known(id);
      const helps = expectedHelp(help, stored?.confidence ?? 0);
      return { ...priceOf(rung, bytes, use), bytes, help: helps, coin: coins[i] as number, tries: stored?.tries ?? 0 };
    });
    let lease = this.lease(policy);
    // What is asked again was demanded before.
    let demand = noDemand();
    for (const { help: helps, expectedUsd, tries } of drawn) {
      if (purpose === "opinion") demand = { ...demand, opinions: demand.opinions + expectedUsd };
      else if (tries === 0) demand = addQuestion(demand, helps, expectedUsd);
    }
    this.save({ ...lease, demand: addDemand(lease.demand, demand), isReported: false });
    const explored = policy.explorationShare ?? defaultExplorationShare;
    const isWorth = drawn.map((one) =>
      purpose === "opinion" ? one.coin < lease.plan.opinions : goesUp(lease.plan, one, explored),
    );
    const wanted = drawn.filter((_, i) => isWorth[i]).map(({ mostUsd }) => mostUsd);
    const isReached = await this.extend(policy, wanted);
    lease = this.lease(policy);
    const permits = drawn.map((one, i): Permit => {
      if (!isWorth[i]) return new LeftOutError(rung.name, "the budget is kept for questions that it helps more");
      const held = reserve(lease, one.mostUsd);
      if (held) lease = held;
      else if (isReached) return new LeftOutError(rung.name, "the budget of the month is used up");
      else return new NoLeaseError(rung.name);
      return { month: lease.month, bytes: one.bytes, expectedUsd: one.expectedUsd, mostUsd: one.mostUsd };
    });
    const leftOut = purpose === "answer" ? permits.filter((permit) => permit instanceof LeftOutError).length : 0;
    this.save(leftOut > 0 ? { ...lease, leftOut: lease.leftOut + leftOut, isReported: false } : lease);
    return permits;
  }

  /** Replaces what was reserved by what the replies cost. Without replies, all of it counts as spent. */
  settle(
    { policy }: ClassifyManifest,
    rung: ExternalRung,
    permits: readonly Priced[],
    replies: readonly (ExternalReply | RungUnavailableError)[] | null,
  ): void {
    const charged = new Set<RungUnavailableError>();
    for (const [i, { month, bytes, expectedUsd, mostUsd }] of permits.entries()) {
      const reply = replies?.[i];
      let usd = mostUsd;
      if (reply instanceof RungUnavailableError) {
        // A batch that stops has one error for all that were not sent.
        usd = mayBeBilled(reply) && !charged.has(reply) ? expectedUsd : 0;
        charged.add(reply);
      } else if (reply && (reply.inputTokens !== null || !rung.price?.usdPerMillionInputTokens)) {
        usd = reply.usd;
        if (reply.inputTokens !== null) this.needs.external.learnTokens(rung, { tokens: reply.inputTokens, bytes });
      }
      const lease = this.needs.leases.get(month) ?? this.lease(policy);
      this.save(settle(lease, mostUsd, usd));
    }
  }

  /** The job `budget`: reports what was spent and demanded, and returns what is not needed. Months that ended are dropped. */
  async reportDue(): Promise<number | null> {
    const { leases, mutex } = this.needs;
    for (const { month } of leases.all()) {
      await mutex.run(async () => {
        const lease = leases.get(month);
        if (lease && !lease.isReported) await this.send(lease, 0);
      });
      const sent = leases.get(month);
      if (sent?.isReported && sent.reservedUsd === 0 && month < monthOf(Date.now())) leases.drop(month);
    }
    return leases.all().some(({ isReported }) => !isReported) ? Date.now() + reportEveryMs : null;
  }

  /** Returns what was spent in this month; undefined without a rung that has a price. */
  summary({ policy }: ClassifyManifest): RegionSpending | undefined {
    if (!hasPrice(policy)) return undefined;
    const month = monthOf(Date.now());
    const { spentUsd, asked, leftOut } = this.needs.leases.get(month) ?? startLease(month, "");
    return { month, usd: spentUsd, asked, leftOut };
  }

  /** Leases what questions may cost at most. Returns whether the lease has it, or the registry has said how much there is. */
  private async extend(policy: Policy, wanted: readonly number[]): Promise<boolean> {
    const needed = wanted.reduce((sum, usd) => sum + usd, 0);
    if (needed <= freeUsd(this.lease(policy))) return true;
    const slack = needed + leasedQuestions * Math.max(...wanted);
    return this.needs.mutex.run(async () => {
      const lease = this.lease(policy);
      if (needed <= freeUsd(lease)) return true;
      return this.send(lease, slack).then(
        () => true,
        () => false,
      );
    });
  }

  private async send(lease: Lease, slackUsd: number): Promise<void> {
    const { leases } = this.needs;
    const { lease: waiting, sent } = report(lease, slackUsd, Date.now());
    leases.set(waiting);
    // Questions are settled while the report is on its way.
    const now = () => leases.get(lease.month) ?? waiting;
    try {
      leases.set(granted(now(), await this.needs.report(sent, lease.usdPerMonth)));
    } catch (error) {
      leases.set(unreported(now(), sent));
      throw error;
    }
  }

  /** Returns the lease of this month, which goes on with the plan of the last one. */
  private lease({ budget }: Policy): Lease {
    const { leases } = this.needs;
    const month = monthOf(Date.now());
    const usdPerMonth = budget?.usdPerMonth ?? null;
    const known = leases.get(month) ?? startLease(month, crypto.randomUUID(), leases.latest()?.plan);
    return known.usdPerMonth === usdPerMonth ? known : { ...known, usdPerMonth };
  }

  private save(lease: Lease): void {
    this.needs.leases.set(lease);
    if (!lease.isReported) this.needs.jobs.bringForward("budget", "", Date.now() + reportEveryMs);
  }
}
