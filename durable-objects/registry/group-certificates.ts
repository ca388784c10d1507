import { groupNews } from "#core/alerts.ts";
import { dayOf, expectedDay, verdictReason } from "#core/confidence/certificate-text.ts";
import { type GroupPlan, type GroupSums, joinSums } from "#core/confidence/group.ts";
import { verdict } from "#core/confidence/window.ts";
import type { CertificateState } from "#core/contract/index.ts";
import type { Alerting } from "./alerting.ts";
import type { GroupSumStore } from "./tables/group-sums.ts";

/** What the certificate of a group needs. */
interface Needs {
  sums: GroupSumStore;
  /** Shows the certificate of the group, or none. Returns whether none was shown before and one is now. */
  show: (base: number, state: CertificateState, plan: GroupPlan) => boolean;
  alerting: Pick<Alerting, "raise">;
}

/** The certificate of a model's regions together, from what each of them has counted. */
export class GroupCertificates {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Takes what a region has counted. Returns the number of the group's window: a region in an earlier one starts over. */
  add(base: number, region: string, given: GroupSums, plan: GroupPlan, epoch = ""): number {
    const { sums, show, alerting } = this.needs;
    const { number } = sums.group(base);
    if (given.window.number !== number) return number;
    sums.set(base, region, epoch, given);
    const all = sums.all(base);
    const state = this.stateOf(base, all, plan) as CertificateState;
    // A region by itself tells of its own certificate.
    const isOfMany = all.length > 1;
    if (state.lower > plan.targetRisk) {
      const [mean, lower] = [state.mean ?? 0, state.lower].map((value) => value.toFixed(3));
      const reason = `error ${mean} (lower bound ${lower}) is above the target ${plan.targetRisk}`;
      sums.startOver(base, number + 1, reason);
      show(base, { ...state, status: "void", reason }, plan);
      if (isOfMany) alerting.raise([groupNews("certificate-void", reason)]);
      return number + 1;
    }
    if (show(base, state, plan) && isOfMany) alerting.raise([groupNews("certificate-valid", state.reason)]);
    return number;
  }

  forgetRegion(region: string): void {
    this.needs.sums.forgetRegion(region);
  }

  /** Returns what the labels of all regions prove; null before the first. */
  state(base: number, plan: Pick<GroupPlan, "targetRisk" | "delta">): CertificateState | null {
    return this.stateOf(base, this.needs.sums.all(base), plan);
  }

  private stateOf(
    base: number,
    all: readonly GroupSums[],
    { targetRisk, delta }: Pick<GroupPlan, "targetRisk" | "delta">,
  ): CertificateState | null {
    const joined = joinSums(all);
    if (!joined) return null;
    const { window, escalated, newest } = joined;
    const { number, reason: broken } = this.needs.sums.group(base);
    const found = verdict({ ...window, number }, { targetRisk, delta });
    const { bound, lower, mean, labels, labelsNeeded } = found;
    const isBroken = found.status === "pending" && broken !== null;
    const accepted = window.trials.weight;
    const expected = expectedDay({ labels, labelsNeeded, from: window.from, newest });
    return {
      ...{ status: isBroken ? "void" : found.status, targetRisk, confidence: 1 - 2 * delta, bound, lower, mean },
      coverage: accepted > 0 ? accepted / (accepted + escalated) : 0,
      ...{ labels, labelsNeeded, window: { number, from: dayOf(window.from), to: dayOf(newest) } },
      reason: isBroken ? broken : verdictReason(found, targetRisk),
      ...(expected === null ? {} : { expected }),
    };
  }
}
