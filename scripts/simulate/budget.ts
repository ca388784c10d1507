import type { Command } from "commander";
import { monthEnd } from "#core/budget/month.ts";
import { count, percent } from "#core/format.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { type Choice, costOf, liveMonth, type MonthQuestion, type MonthResult } from "./budget-month.ts";
import { type Recorded, recordScores, targetRisk } from "./budget-world.ts";

/** What the months of one budget have in common. */
interface Summary {
  share: number;
  choice: Choice;
  months: number;
  /** Months in which neither spending nor leases exceeded the budget. */
  kept: number;
  /** Months in which the error of accepted answers was at most the target. */
  onTarget: number;
  /** Means over the months: spending by the budget, error of accepted answers, accuracy of all, and questions asked above. */
  spent: number;
  error: number;
  accepted: number;
  accuracy: number;
  asked: number;
}

const seed = 20_26;
const questionsPerMonth = 12_000;
const dayMs = 24 * 3600_000;
const month = "2026-11";
const days = 30;
const regions = 3;
const shares = [0.75, 0.5];
const choices: readonly Choice[] = ["policy", "random", "greedy"];

/** `simulate budget`: whether budgets and the target error are kept, on scores of trained networks. */
export function budgetSimulation(program: Command): void {
  program
    .command("budget")
    .description("live months with budgets of 75% and 50% of what asking every question above would cost")
    .option("--months <n>", "months a budget", numberParser("--months", { atLeast: 1, isWhole: true }), 100)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ months, json }: { months: number; json?: boolean }): Promise<void> {
  const recorded = await recordScores();
  const progress = showProgress("simulating", shares.length * choices.length * months);
  const summaries = shares.flatMap((share) =>
    choices.map((choice, at) => {
      const lived = Array.from({ length: months }, (_, i) => {
        progress.update((shares.indexOf(share) * choices.length + at) * months + i + 1, `${percent(share)} ${choice}`);
        return liveOne(recorded, share, choice, seed + i);
      });
      return summaryOf(share, choice, lived);
    }),
  );
  progress.end();
  printResult(json, { seed, targetRisk, questionsPerMonth, summaries }, () =>
    [
      `${count(months)} months of ${count(questionsPerMonth)} questions in ${regions} regions for each budget and choice, with other orders, traffic, prices and drifts. Target error ${percent(targetRisk)}. Labels: 5% of all questions, a day later. "random" and "greedy" (first come, first served) keep the same budget.`,
      formatTable([
        [
          ...["budget of origin-only", "choice", "budget kept", "error target kept", "of the budget spent"],
          ...["error of accepted", "accepted", "right of all", "asked above"],
        ],
        ...summaries.map((one) => [
          ...[percent(one.share), one.choice, `${one.kept} of ${one.months}`, `${one.onTarget} of ${one.months}`],
          ...[one.spent, one.error, one.accepted, one.accuracy, one.asked].map((value) => percent(value)),
        ]),
      ]),
    ].join("\n\n"),
  );
}

function liveOne(recorded: Recorded, share: number, choice: Choice, at: number) {
  const random = seededRandom(at);
  const questions = drawMonth(recorded, random);
  const usdPerMonth = share * questions.reduce((sum, question) => sum + costOf(question), 0);
  const setting = { usdPerMonth, end: monthEnd(month), regions, choice };
  return { ...liveMonth(recorded, questions, setting, random), usdPerMonth };
}

/** Draws a month: its order, its traffic by hour, day and trend, how hard it becomes, and what it costs. */
function drawMonth({ questions }: Recorded, random: () => number): MonthQuestion[] {
  const between = (from: number, to: number) => from + (to - from) * random();
  const [growth, weekend, spikeDay, spike] = [between(0.4, 2.5), between(0.3, 1), days * random(), between(1, 5)];
  const [priceAtEnd, priceJump, jumpDay] = [between(0.6, 1.7), between(0.7, 1.5), days * random()];
  const harder = between(-2, 2);
  const firstWeekday = Math.floor(7 * random());
  const rate = Array.from({ length: days * 24 }, (_, hour) => {
    const day = Math.floor(hour / 24);
    const isWeekend = (day + firstWeekday) % 7 > 4;
    const byDay = growth ** (day / days) * (isWeekend ? weekend : 1) * (day === Math.floor(spikeDay) ? spike : 1);
    return byDay * (1 + 0.8 * Math.sin((2 * Math.PI * hour) / 24));
  });
  const total = rate.reduce((sum, value) => sum + value, 0);
  const start = monthEnd(month) - days * dayMs;
  const order = [...shuffled(questions.length, random)].map((i) => questions[i] as (typeof questions)[number]);
  const confidenceOf = (one: (typeof questions)[number]) => Math.max(...one.edge);
  let next = 0;
  // Of two questions the harder one is likelier as the month goes on.
  const draw = (progress: number) => {
    const pair = [order[next++ % order.length], order[next++ % order.length]] as (typeof questions)[number][];
    pair.sort((a, b) => confidenceOf(a) - confidenceOf(b));
    return pair[random() < 1 / (1 + Math.exp(-harder * progress)) ? 0 : 1] as (typeof questions)[number];
  };
  return rate
    .flatMap((value, hour) => {
      const expected = (questionsPerMonth * value) / total;
      const here = Math.floor(expected) + Number(random() < expected % 1);
      return Array.from({ length: here }, () => start + (hour + random()) * (dayMs / 24)).sort((a, b) => a - b);
    })
    .map((at): MonthQuestion => {
      const progress = (at - start) / (days * dayMs);
      const price = priceAtEnd ** progress * (progress * days > jumpDay ? priceJump : 1);
      const region = random() < 0.6 ? 0 : random() < 0.75 ? 1 : 2;
      return { ...draw(progress), at, region, tokensPerByte: 0.25 * price };
    });
}

function summaryOf(share: number, choice: Choice, lived: readonly (MonthResult & { usdPerMonth: number })[]): Summary {
  const mean = (of: (one: (typeof lived)[number]) => number) =>
    lived.reduce((sum, one) => sum + of(one), 0) / lived.length;
  const errorOf = ({ accepted, wrongAccepted }: MonthResult) => (accepted === 0 ? 0 : wrongAccepted / accepted);
  const isKept = (one: (typeof lived)[number]) => Math.max(one.spentUsd, one.heldUsd) <= one.usdPerMonth + 1e-9;
  return {
    ...{ share, choice, months: lived.length },
    kept: lived.filter(isKept).length,
    onTarget: lived.filter((one) => errorOf(one) <= targetRisk).length,
    spent: mean(({ spentUsd, usdPerMonth }) => spentUsd / usdPerMonth),
    error: mean(errorOf),
    accepted: mean(({ accepted, questions }) => accepted / questions),
    accuracy: mean(({ right, questions }) => right / questions),
    asked: mean(({ asked, questions }) => asked / questions),
  };
}
