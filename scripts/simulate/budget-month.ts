import { expectedHelp, learnHelp, noHelp } from "#core/budget/help.ts";
import { freeUsd, granted, type Lease, report, reserve, settle, startLease, unreported } from "#core/budget/lease.ts";
import { type LedgerRow, takeReport } from "#core/budget/ledger.ts";
import {
  addDemand,
  addQuestion,
  type DayDemand,
  dayOf,
  goesUp,
  noDemand,
  planFor,
  wholePlan,
} from "#core/budget/pacing.ts";
import { learnTokenUse, noTokenUse, priceOf } from "#core/budget/price.ts";
import { aimFor, updateThreshold } from "#core/confidence/control.ts";
import { defaultExplorationShare } from "#core/confidence/escalation.ts";
import type { ExternalRung } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { calibrated, learnCalibration, noCalibration } from "#core/rung/external/calibration.ts";
import { type Recorded, type RecordedQuestion, targetRisk } from "./budget-world.ts";

/** How questions are chosen: as the policy does, at random at the same pace, or first come, first served. */
export type Choice = "policy" | "random" | "greedy";

/** A question of a month: when it comes, where, and how many tokens of it the rung reads for each byte. */
export interface MonthQuestion extends RecordedQuestion {
  at: number;
  region: number;
  tokensPerByte: number;
}

/** What came of a month. */
export interface MonthResult {
  spentUsd: number;
  /** The most that leases held together at any time. */
  heldUsd: number;
  asked: number;
  leftOut: number;
  accepted: number;
  wrongAccepted: number;
  /** Right answers of all, accepted or not. */
  right: number;
  questions: number;
}

const hourMs = 3600_000;
/** Regions report every minute; here questions are further apart. */
const reportEveryMs = hourMs / 2;
const auditShare = 0.05;
const labelDelayMs = 24 * hourMs;
/** Reports whose reply is lost. */
const lostShare = 0.02;
const leasedQuestions = 32;
export const rung: ExternalRung = {
  ...{ name: "above", kind: "system-one", url: "https://above.test", model: "recorded" },
  price: { usdPerMillionInputTokens: 0.5, usdPerQuestion: 0.0001 },
};

interface Label {
  at: number;
  question: MonthQuestion;
  accepted: boolean;
  isAsked: boolean;
}

/** Computes what a question costs, in US dollars. */
export function costOf({ bytes, tokensPerByte }: MonthQuestion): number {
  const { usdPerQuestion = 0, usdPerMillionInputTokens = 0 } = rung.price ?? {};
  return usdPerQuestion + (usdPerMillionInputTokens * Math.round(bytes * tokensPerByte)) / 1e6;
}

/** Lives one month by the code of the regions and of the registry: `end` is its end, ms since 1970. */
export function liveMonth(
  { threshold: published }: Pick<Recorded, "threshold">,
  questions: readonly MonthQuestion[],
  { usdPerMonth, end, regions, choice }: { usdPerMonth: number; end: number; regions: number; choice: Choice },
  random: () => number,
): MonthResult {
  const minLabels = 30;
  const settings = {
    ...{ aim: aimFor({ mean: null, bound: 1 }, targetRisk), minInclusionProbability: auditShare },
    floor: 1 / (questions[0] as MonthQuestion).edge.length,
  };
  const result: MonthResult = {
    ...{ spentUsd: 0, heldUsd: 0, asked: 0, leftOut: 0, accepted: 0, wrongAccepted: 0, right: 0 },
    questions: questions.length,
  };
  const leases = Array.from({ length: regions }, (_, i): Lease => ({ ...startLease("month", `${i}`), usdPerMonth }));
  const reportedAt = leases.map(() => 0);
  let rows: LedgerRow[] = [];
  let days: DayDemand[] = [];
  let threshold = published;
  let [help, use, calibration] = [noHelp(), noTokenUse(), noCalibration()];
  let temperatureLabels = 0;
  const labels: Label[] = [];

  const send = (region: number, slackUsd: number, now: number): boolean => {
    const { lease, sent } = report(leases[region] as Lease, slackUsd, now);
    const row = takeReport(rows, sent, usdPerMonth);
    rows = [...rows.filter(({ holder }) => holder !== row.holder), row];
    result.heldUsd = Math.max(
      result.heldUsd,
      rows.reduce((sum, { grantedUsd }) => sum + grantedUsd, 0),
    );
    const day = dayOf(now);
    const before = days.find((one) => one.day === day) ?? {
      day,
      from: days.length ? day * 24 * hourMs : now,
      ...noDemand(),
    };
    days = [...days.filter((one) => one !== before), { ...before, ...addDemand(before, sent.demand) }].slice(-11);
    const spent = rows.reduce((sum, { spentUsd }) => sum + spentUsd, 0);
    const outlook = { days, leftUsd: Math.max(0, usdPerMonth - spent), now, end };
    const plan = choice === "greedy" ? wholePlan : planFor({ ...outlook, explorationShare: defaultExplorationShare });
    reportedAt[region] = now;
    const isLost = random() < lostShare;
    leases[region] = isLost ? unreported(lease, sent) : granted(lease, { grantedUsd: row.grantedUsd, plan });
    return !isLost;
  };

  const learn = ({ question, accepted, isAsked }: Label) => {
    const { truth, edge, above } = question;
    const right = argMax(edge) === truth;
    threshold = updateThreshold(threshold, { accepted, right, inclusionProbability: auditShare }, settings);
    if (!isAsked) return;
    calibration = learnCalibration(calibration, above, truth);
    temperatureLabels++;
    help = learnHelp(help, {
      ...{ confidence: edge[argMax(edge)] as number, edgeRight: right },
      aboveRight: argMax(above) === truth,
    });
  };

  for (const question of questions) {
    const { at, region, truth, edge, above, bytes, tokensPerByte } = question;
    while ((labels[0]?.at ?? at + 1) <= at) learn(labels.shift() as Label);
    if (at - (reportedAt[region] as number) > reportEveryMs) send(region, 0, at);
    const best = argMax(edge);
    const confidence = edge[best] as number;
    const accepted = confidence >= threshold;
    let answer = { label: best, accepted };
    let isAsked = false;
    if (!accepted) {
      const { expectedUsd, mostUsd } = priceOf(rung, bytes, use);
      const helps = choice === "policy" ? expectedHelp(help, confidence) : expectedUsd;
      const lease = leases[region] as Lease;
      leases[region] = { ...lease, demand: addQuestion(lease.demand, helps, expectedUsd) };
      if (goesUp(lease.plan, { help: helps, expectedUsd, coin: random() }, defaultExplorationShare)) {
        if (mostUsd > freeUsd(leases[region] as Lease)) send(region, mostUsd * (1 + leasedQuestions), at);
        const held = reserve(leases[region] as Lease, mostUsd);
        if (held) {
          const usd = costOf(question);
          leases[region] = settle(held, mostUsd, usd);
          use = learnTokenUse(use, { tokens: Math.round(bytes * tokensPerByte), bytes });
          result.spentUsd += usd;
          isAsked = true;
          const scores = calibrated(calibration, above);
          const label = argMax(scores);
          answer = { label, accepted: temperatureLabels >= minLabels && (scores[label] as number) >= 1 - targetRisk };
        }
      }
      result.asked += Number(isAsked);
      result.leftOut += Number(!isAsked);
    }
    result.accepted += Number(answer.accepted);
    result.wrongAccepted += Number(answer.accepted && answer.label !== truth);
    result.right += Number(answer.label === truth);
    if (random() < auditShare) labels.push({ at: at + labelDelayMs, question, accepted, isAsked });
  }
  return result;
}
