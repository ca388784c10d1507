import { type ComparedQuestion, type GateReport, gate, gateFewer, harmMargin } from "./gate.ts";

/** Owners whose labels a candidate is also judged without, at most: those with the most labels. */
const comparedOwners = 5;
/** An owner with a smaller share of the labels in `train` is only left out together with all others. */
const comparedShare = 0.01;
/** The share of a candidate's gain that the labels of one owner may make. */
const gainShare = 0.5;

/** Labels that the head in use has not learned from, of an owner that is not trusted. */
export interface OwnerRows {
  owner: string;
  rows: number[];
}

/** Labels that are left out of a candidate, and whose they are. */
export interface LeftOut {
  owners: string[];
  rows: number[];
}

/**
 * Lists whose labels are left out: each owner with a share of the labels, the largest first, and all of them together, since
 * many tokens may be one person; null where that is one owner.
 */
export function ownersToLeaveOut(
  owners: readonly OwnerRows[],
  labels: number,
): { alone: LeftOut[]; together: LeftOut | null } {
  const alone = owners
    .filter(({ rows }) => rows.length >= comparedShare * labels)
    .toSorted((a, b) => b.rows.length - a.rows.length)
    .slice(0, comparedOwners)
    .map(({ owner, rows }) => ({ owners: [owner], rows }));
  if (owners.length === alone.length && alone.length < 2) return { alone, together: null };
  const together = { owners: owners.map(({ owner }) => owner), rows: owners.flatMap(({ rows }) => rows) };
  return { alone, together };
}

/** What a candidate would be worth without an owner's labels. */
export interface WithoutOwner {
  decides: boolean;
  /** The share of the gain that the owner's labels make. */
  share: number;
  report: GateReport;
}

/**
 * Tells whether labels decide a promotion: without them the gate refuses the candidate, or most of its gain is gone, and they
 * change its log-loss by more than the gate's margin. Heads that are retrained often differ little, so that any few labels tip
 * the balance of a gain that matters to nobody: without the margin, four of five promotions with honest labels were held.
 *
 * The head without them is always the analytic one, since it needs no training: what leaving them out costs the analytic head
 * on each held-out question is added to what the candidate loses there. For an analytic candidate that is exact.
 *
 * @param costs the analytic head's log-loss without the labels − with them, of each compared question
 * @param learned from how many labels the head in use and the candidate have learned, as `gateFewer` counts
 */
export function withoutOwner(
  compared: readonly ComparedQuestion[],
  costs: readonly number[],
  targetRisk: number,
  current?: string,
  learned = { current: 0, candidate: 0 },
): WithoutOwner {
  const mean = (values: readonly number[]) => values.reduce((all, value) => all + value, 0) / values.length;
  const gain = mean(compared.map(({ currentLoss, candidateLoss }) => currentLoss - candidateLoss));
  const without = compared.map((row, i) => ({ ...row, candidateLoss: row.candidateLoss + (costs[i] as number) }));
  const report = gateFewer(gate(without, targetRisk, current), learned);
  const cost = mean(costs);
  const share = gain > 0 ? cost / gain : 0;
  return { decides: cost > harmMargin && (!report.promoted || share > gainShare), share, report };
}
