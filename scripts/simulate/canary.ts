import type { Command } from "commander";
import { type CanaryPlan, canaryDefaults } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { seededRandom } from "#origin/random.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { type Labelling, type Life, live, type Outcome } from "./canary-life.ts";
import type { Shocks, World } from "./canary-world.ts";

interface Options {
  lives: number;
  labels: number;
  json?: boolean;
}

/** How questions depend on each other, and how their labels come. */
interface Scenario {
  name: string;
  world: Pick<World, "shocks" | "groupSize" | "openGroups" | "coverage">;
  labelling: Labelling;
  isCoverageCompared: boolean;
}

/** What all lives of a scenario had in common by one method. */
interface Summary {
  promoted: number;
  rolledBack: number;
  undecided: number;
  wrong: number;
  /** Of all lives: one that is undecided counts as later than every verdict (null). */
  p50: number | null;
  p90: number | null;
}

interface Result extends Record<keyof Life, Summary> {
  scenario: string;
  difference: number;
}

const seed = 20_26;
const stableError = 0.1;
const regions = 8;
const { margin, coverageMargin, delta } = canaryDefaults;
/** canary − stable. Higher by the margin: a promotion is wrong. Not higher: a rollback is. */
const differences = [-0.02, 0.02, 0];
const methods = ["paired", "split"] as const;

/** The versions' errors correlate by 0.56; groups of 20 raise the variance of their difference to 1.7 times. */
const usual: Shocks = { group: 0.08, groupAlone: 0.02, question: 0.76, alone: 0.14 };
/** 0.80 and 1.2 times: two yearly versions of `weather` have 0.87, and 1.15 by week, 1.02 by week and station. */
const alike: Shocks = { group: 0.08, groupAlone: 0.003, question: 0.887, alone: 0.03 };
/** 0.51; groups of 100 raise it to 22 times. */
const strong: Shocks = { group: 0.2, groupAlone: 0.1, question: 0.6, alone: 0.1 };
const independent = { shocks: usual, groupSize: 1, openGroups: 1, coverage: 0.8 };
const grouped = { shocks: usual, groupSize: 20, openGroups: 5, coverage: 0.8 };
const all = { stable: 1, canary: 1 };
const every = { isCoverageCompared: false };

const scenarios: readonly Scenario[] = [
  { name: "every truth, share 10%", world: independent, labelling: { plannedShare: all, share: 0.1 }, ...every },
  { name: "every truth, share 50%", world: independent, labelling: { plannedShare: all, share: 0.5 }, ...every },
  {
    name: "every truth, share 10%, groups of 20",
    ...{ world: grouped, labelling: { plannedShare: all, share: 0.1 }, ...every },
  },
  {
    name: "every truth, share 10%, groups of 20, versions much alike",
    world: { ...grouped, shocks: alike },
    labelling: { plannedShare: all, share: 0.1 },
    ...every,
  },
  {
    name: "every truth, share 10%, groups of 100 with strong shocks",
    world: { ...grouped, shocks: strong, groupSize: 100, openGroups: 1 },
    labelling: { plannedShare: all, share: 0.1 },
    ...every,
  },
  {
    name: "audits, 5% and the canary's 20%, share 10%, groups of 20",
    world: grouped,
    labelling: { plannedShare: { stable: 0.05, canary: 0.2 }, share: 0.1 },
    isCoverageCompared: true,
  },
];

/** `simulate canary`: counts the labels until a canary is decided, by pairs and by split callers. */
export function canarySimulation(program: Command): void {
  program
    .command("canary")
    .description("count the labels until a watched canary is decided, in pairs and by split callers")
    .option("--lives <n>", "number of lives a setting", numberParser("--lives", { atLeast: 1, isWhole: true }), 200)
    .option(
      "--labels <n>",
      "labels of a life, at most",
      numberParser("--labels", { atLeast: 1, isWhole: true }),
      20_000,
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

function run({ lives, labels, json }: Options): void {
  const results = simulate(lives, labels);
  const mostWrong = delta + 2 * Math.sqrt((delta * (1 - delta)) / lives);
  const missed = results.filter(({ paired }) => paired.wrong > mostWrong).length;
  printResult(json, { seed, lives, labels, margin, delta, mostWrong, results, missed }, () => {
    const header = [
      "canary − stable",
      "labels",
      "method",
      "p50",
      "p90",
      "undecided",
      "promoted",
      "rolled back",
      "wrong",
    ];
    const lines = results.flatMap((result) => methods.map((method) => lineOf(result, method, mostWrong)));
    return `${formatTable([header, ...lines])}\n\n${describe(lives, labels, mostWrong)}`;
  });
}

function simulate(lives: number, mostLabels: number): Result[] {
  const settings = scenarios.flatMap((scenario) => differences.map((difference) => ({ scenario, difference })));
  const progress = showProgress("simulating", settings.length * lives);
  const results = settings.map(({ scenario, difference }, at): Result => {
    const { name, labelling, isCoverageCompared } = scenario;
    const world = { ...scenario.world, regions, stable: stableError, canary: stableError + difference };
    const plan: CanaryPlan = { margin, coverageMargin: isCoverageCompared ? coverageMargin : null, delta };
    const random = seededRandom(seed + at);
    const lived = Array.from({ length: lives }, (_, life) => {
      progress.update(at * lives + life, name);
      return live(world, labelling, plan, mostLabels, random);
    });
    const of = (method: keyof Life) => {
      return summaryOf(
        lived.map((life) => life[method]),
        difference,
      );
    };
    return { scenario: name, difference, paired: of("paired"), split: of("split") };
  });
  progress.end();
  return results;
}

function summaryOf(outcomes: readonly Outcome[], difference: number): Summary {
  const shareOf = (decision: Outcome["decision"]) =>
    outcomes.filter((outcome) => outcome.decision === decision).length / outcomes.length;
  const sorted = outcomes
    .map(({ decision, labels }) => (decision === "continue" ? Number.POSITIVE_INFINITY : labels))
    .sort((a, b) => a - b);
  const at = (level: number) => {
    const labels = sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))] as number;
    return Number.isFinite(labels) ? labels : null;
  };
  const [promoted, rolledBack] = [shareOf("promote"), shareOf("roll back")];
  const wrong = difference >= margin ? promoted : difference <= 0 ? rolledBack : 0;
  return { promoted, rolledBack, undecided: shareOf("continue"), wrong, p50: at(0.5), p90: at(0.9) };
}

function lineOf(result: Result, method: keyof Life, mostWrong: number): (string | number | null)[] {
  const { promoted, rolledBack, undecided, wrong, p50, p90 } = result[method];
  const isFirst = method === "paired";
  const points = `${result.difference > 0 ? "+" : result.difference < 0 ? "−" : ""}${Math.abs(100 * result.difference)} points`;
  const labels = (n: number | null) => (n === null ? "undecided" : count(n));
  const missed = isFirst && wrong > mostWrong ? " missed" : "";
  return [
    ...[isFirst ? points : "", isFirst ? result.scenario : "", method, labels(p50), labels(p90)],
    ...[percent(undecided), percent(promoted), percent(rolledBack), `${percent(wrong)}${missed}`],
  ];
}

function describe(lives: number, labels: number, mostWrong: number): string {
  return [
    `${count(lives)} lives of each, up to ${count(labels)} labels; ${regions} regions, error of the stable version ${percent(stableError)}, margin ${percent(margin)}, δ ${percent(delta)}.`,
    `wrong: promoted although the error is higher by the margin, or rolled back although it is not higher (target for pairs at most ${percent(mostWrong)}: δ and two standard errors).`,
    "Both methods see the same labels. Split callers, with planned labels: errors of accepted answers.",
  ].join("\n");
}
