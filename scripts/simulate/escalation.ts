import type { Command } from "commander";
import { defaultExplorationShare, falseAlarmPairs } from "#core/confidence/escalation.ts";
import { count, percent } from "#core/format.ts";
import { seededRandom } from "#origin/random.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import {
  type Delay,
  type Labelling,
  type Life,
  live,
  type Period,
  type Phase,
  periods,
  plannedShare,
} from "./escalation-life.ts";
import { drawQuestions } from "./escalation-world.ts";

interface Scenario {
  name: string;
  labelling: Labelling;
  phases: readonly Phase[];
}

interface DelaySummary {
  /** Lives in which there was something to find, and in which it was not found. */
  lives: number;
  missed: number;
  labels: { p50: number; p90: number; p99: number; max: number } | null;
  questions: { p50: number; p90: number; max: number } | null;
}

interface PeriodSummary {
  escalated: number;
  ladder: number;
  edge: number;
  above: number;
  unstacked: number;
}

/** What all lives of a scenario had in common. */
interface Summary {
  name: string;
  labelling: Labelling;
  lives: number;
  periods: PeriodSummary[];
  detection: DelaySummary;
  recovery: DelaySummary;
  /** Accuracy of the ladder minus the edge's, after the detection and while the rung above is worse; null without one. */
  afterDetection: number | null;
  falseAlarms: number;
  /** The share of lives with one. */
  livesWithFalseAlarm: number;
  /** Labels for each false alarm; null if there was none, or nothing to raise one about. */
  runLength: number | null;
  watchedLabels: number;
  falseRecoveries: number;
}

const seed = 20_26;
const questionsPerPeriod = 4_000;
const drawnQuestions = 50_000;
const edgeAccuracy = 0.65;
const recoversFrom = 4;

const mostLabels = 1_000;
const mostLoss = 0.002;
/** At most half of the labelled pairs count, where the rungs are equally good. */
const leastRunLength = 2 * falseAlarmPairs;

/** `simulate escalation`: finds out how fast regions notice that a rung above is worse than the edge, or better again. */
export function escalationSimulation(program: Command): void {
  program
    .command("escalation")
    .description("measure how fast regions stop escalating to a rung that is worse than the edge, and return to it")
    .option("--lives <n>", "number of lives a setting", numberParser("--lives", { atLeast: 1, isWhole: true }), 200)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

function run({ lives, json }: { lives: number; json?: boolean }): void {
  const summaries = summarise(lives);
  printResult(json, { seed, targets: { mostLabels, mostLoss, leastRunLength }, summaries }, () => {
    const each = `${count(periods)} periods of ${count(questionsPerPeriod)} questions that the edge does not accept`;
    const intro =
      `${count(lives)} lives of ${each}. The edge is right on ${percent(edgeAccuracy)} of them. The estimate made at publishing favours` +
      ` the rung above. Exploration asks ${percent(defaultExplorationShare)}. Delays are in labels that count.`;
    return [intro, ...summaries.map(describe)].join("\n\n");
  });
}

function summarise(lives: number): Summary[] {
  const scenarios = listScenarios();
  const progress = showProgress("simulating", scenarios.length * lives);
  const summaries = scenarios.map((scenario, at) => {
    const lived: Life[] = [];
    const random = seededRandom(seed + at);
    for (let i = 0; i < lives; i++) {
      lived.push(live(scenario.phases, questionsPerPeriod, scenario.labelling, random));
      progress.update(at * lives + i + 1, scenario.name);
    }
    return summaryOf(scenario, lived);
  });
  progress.end();
  return summaries;
}

function listScenarios(): Scenario[] {
  const random = seededRandom(seed);
  const phaseOf = (above: Phase["above"], accuracy: number) => {
    const questions = drawQuestions(drawnQuestions, { edge: edgeAccuracy, above: accuracy }, random);
    return (fromPeriod: number): Phase => ({ fromPeriod, questions, above });
  };
  const worse = phaseOf("worse", edgeAccuracy - 0.1);
  const equal = phaseOf("equal", edgeAccuracy);
  const slightlyBetter = phaseOf("better", edgeAccuracy + 0.05);
  const better = phaseOf("better", edgeAccuracy + 0.1);
  const worlds: [string, Phase[]][] = [
    ["10 points worse from the first day", [worse(0)]],
    ["10 points better, and 10 points worse from half-way on", [better(0), worse(periods / 2)]],
    [`10 points worse, and 10 points better from period ${recoversFrom + 1} on`, [worse(0), better(recoversFrom)]],
    ["10 points better, always", [better(0)]],
    ["as good as the edge, always", [equal(0)]],
  ];
  const biased = { name: "5 points better, always", phases: [slightlyBetter(0)] };
  return [
    ...worlds.map(([name, phases]) => ({ name, phases, labelling: "truth of every question" as const })),
    ...worlds.map(([name, phases]) => ({ name, phases, labelling: "planned labels only" as const })),
    { ...biased, labelling: "planned labels only" },
    { ...biased, labelling: "all labels of people" },
  ];
}

function summaryOf({ name, labelling }: Scenario, lives: readonly Life[]): Summary {
  const total = (of: (life: Life) => number) => lives.reduce((sum, life) => sum + of(life), 0);
  const after = total((life) => life.afterDetection.questions);
  const gain = total(({ afterDetection }) => afterDetection.ladderRight - afterDetection.edgeRight);
  const falseAlarms = total((life) => life.falseAlarms);
  const watchedLabels = total((life) => life.watchedLabels);
  return {
    ...{ name, labelling, lives: lives.length, falseAlarms, watchedLabels },
    periods: Array.from({ length: periods }, (_, i) => periodOf(lives.map((life) => life.periods[i] as Period))),
    detection: delaysOf(lives.map((life) => life.detection)),
    recovery: delaysOf(lives.map((life) => life.recovery)),
    afterDetection: after === 0 ? null : gain / after,
    livesWithFalseAlarm: total((life) => (life.falseAlarms > 0 ? 1 : 0)) / lives.length,
    runLength: falseAlarms === 0 ? null : watchedLabels / falseAlarms,
    falseRecoveries: total((life) => life.falseRecoveries),
  };
}

function periodOf(lived: readonly Period[]): PeriodSummary {
  const share = (of: keyof Period) =>
    lived.reduce((sum, period) => sum + period[of], 0) / lived.reduce((sum, { questions }) => sum + questions, 0);
  return {
    escalated: share("escalated"),
    ladder: share("ladderRight"),
    edge: share("edgeRight"),
    above: share("aboveRight"),
    unstacked: share("unstackedRight"),
  };
}

function delaysOf(all: readonly Life["detection"][]): DelaySummary {
  const sought = all.filter((one) => one !== "none");
  const found = sought.filter((one): one is Delay => one !== "missed");
  const quantiles = (of: keyof Delay) => {
    const sorted = found.map((one) => one[of]).sort((a, b) => a - b);
    const at = (level: number) => sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))] as number;
    return sorted.length === 0 ? null : { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  };
  return {
    lives: sought.length,
    missed: sought.length - found.length,
    labels: quantiles("labels"),
    questions: quantiles("questions"),
  };
}

const labellingText: Record<Labelling, string> = {
  "truth of every question": "the truth of every question",
  "planned labels only": `labels of ${percent(plannedShare)} of what is escalated, planned; others do not count`,
  "all labels of people":
    "the same, and labels that came only where the rung above was unsure, which must not count, do",
};

function describe(summary: Summary): string {
  const { name, labelling, periods: lived } = summary;
  const row = (title: string, of: keyof PeriodSummary) => [title, ...lived.map((period) => percent(period[of]))];
  return [
    `## The rung above is ${name}; ${labellingText[labelling]}`,
    formatTable([
      ["period", ...lived.map((_, i) => String(i + 1))],
      row("asked of the rung above", "escalated"),
      row("accuracy of the ladder", "ladder"),
      row("  without stacking", "unstacked"),
      row("accuracy of the edge", "edge"),
      row("accuracy of the rung above", "above"),
    ]),
    ...verdictsOf(summary),
  ].join("\n");
}

function verdictsOf(summary: Summary): string[] {
  const { detection, recovery, afterDetection, falseAlarms, runLength, watchedLabels, falseRecoveries } = summary;
  const lines: string[] = [];
  if (detection.lives > 0) lines.push(`worse rung found after ${delayText(detection)}`);
  if (afterDetection !== null) {
    const points = `${afterDetection < 0 ? "−" : "+"}${Math.abs(afterDetection).toFixed(4)}`;
    const again = `${count(falseRecoveries)} false recoveries`;
    lines.push(
      `ladder − edge after that: ${points} (target at least −${mostLoss})${mark(afterDetection >= -mostLoss)}; ${again}`,
    );
  }
  if (recovery.lives > 0) {
    lines.push(
      `better rung found again after ${delayText(recovery)}, ${count(recovery.questions?.p50 ?? 0)} questions (p50)`,
    );
  }
  if (watchedLabels > 0) {
    const share = percent(summary.livesWithFalseAlarm);
    const every =
      runLength === null ? `none in ${count(watchedLabels)} labels` : `one in ${count(Math.round(runLength))} labels`;
    const isMet = runLength === null || runLength >= leastRunLength;
    lines.push(
      `false alarms: ${count(falseAlarms)}, ${every} (target at most one in ${count(leastRunLength)})${mark(isMet)}; in ${share} of the lives`,
    );
  }
  return lines;
}

function delayText({ lives, missed, labels }: DelaySummary): string {
  if (!labels) return `no number of labels in any of ${count(lives)} lives, missed`;
  const { p50, p90, p99, max } = labels;
  const isMet = missed === 0 && max <= mostLabels;
  const never = missed > 0 ? `, never in ${count(missed)} of ${count(lives)} lives` : "";
  return `${count(p50)} labels (p50), ${count(p90)} (p90), ${count(p99)} (p99), ${count(max)} (max${never}; target at most ${count(mostLabels)})${mark(isMet)}`;
}

function mark(isMet: boolean): string {
  return isMet ? "" : " missed";
}
