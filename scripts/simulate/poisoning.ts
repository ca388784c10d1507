import type { Command } from "commander";
import { percent } from "#core/format.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { live, type Outcome, type Scenario } from "./poisoning-life.ts";

const onTheFirstDay = (labels: number) => (day: number) => (day === 0 ? labels : 0);
const none = { tokens: 0, wanted: () => 0, isHonest: true };

export const scenarios: readonly Scenario[] = [
  { name: "no attack", isBounded: true, ...none, trustedPerDay: 5 },
  {
    name: "900 lies in one request, trusted",
    isBounded: false,
    tokens: 1,
    wanted: onTheFirstDay(900),
    isHonest: false,
    trustedPerDay: 5,
    days: 2,
  },
  {
    name: "900 lies in one request",
    isBounded: true,
    tokens: 1,
    wanted: onTheFirstDay(900),
    isHonest: false,
    trustedPerDay: 5,
    days: 2,
  },
  {
    name: "lies at the limit, 1 token",
    isBounded: true,
    tokens: 1,
    wanted: () => 10,
    isHonest: false,
    trustedPerDay: 5,
  },
  {
    name: "lies at the limit, 20 tokens",
    isBounded: true,
    tokens: 20,
    wanted: () => 10,
    isHonest: false,
    trustedPerDay: 5,
  },
  {
    name: "the same, no new trusted labels",
    isBounded: true,
    tokens: 20,
    wanted: () => 10,
    isHonest: false,
    trustedPerDay: 0,
  },
  { name: "honest, 1 token", isBounded: true, tokens: 1, wanted: () => 10, isHonest: true, trustedPerDay: 5 },
  { name: "honest, 20 tokens", isBounded: true, tokens: 20, wanted: () => 10, isHonest: true, trustedPerDay: 5 },
  {
    name: "honest, no new trusted labels",
    isBounded: true,
    tokens: 1,
    wanted: () => 10,
    isHonest: true,
    trustedPerDay: 0,
  },
];

/** What the lives of a scenario had in common; lies and right answers are of 200. */
export interface Summary {
  name: string;
  lives: number;
  lies: { mean: number; most: number };
  right: number;
  taken: number;
  refused: number;
  passed: number;
  held: number;
  retrains: number;
}

const firstSeed = 18_000;

/** Lives a scenario's lives. Each seed draws the same region in every scenario. */
export function summarise(scenario: Scenario, lives: number, onLife: () => void = () => {}): Summary {
  const outcomes = Array.from({ length: lives }, (_, life) => {
    const outcome = live(firstSeed + life, scenario);
    onLife();
    return outcome;
  });
  const sum = (of: keyof Outcome) => outcomes.reduce((all, outcome) => all + outcome[of], 0);
  const mean = (of: keyof Outcome) => sum(of) / lives;
  return {
    ...{
      name: scenario.name,
      lives,
      lies: { mean: mean("lies"), most: Math.max(...outcomes.map(({ lies }) => lies)) },
    },
    ...{
      right: mean("right"),
      taken: mean("taken"),
      refused: mean("refused"),
      passed: sum("passed"),
      held: sum("held"),
      retrains: lives * (scenario.days ?? 60),
    },
  };
}

/** `npm run simulate -- poisoning`: what labels of tokens without trust do to the answers that others receive. */
export function poisoningSimulation(program: Command): void {
  program
    .command("poisoning")
    .description("attack a region of 500 trusted labels with labels of tokens that are not trusted")
    .option("--lives <n>", "regions of each scenario", numberParser("--lives", { atLeast: 1, isWhole: true }), 20)
    .option("--json", "print one JSON object instead of text")
    .action(({ lives, json }: { lives: number; json?: boolean }) => {
      const bar = showProgress("simulating", scenarios.length * lives);
      let done = 0;
      const found = scenarios.map((scenario) => summarise(scenario, lives, () => bar.update(++done)));
      bar.end();
      printResult(json, { lives, found }, () => describe(found));
    });
}

function describe(found: readonly Summary[]): string {
  const columns = [
    "labels without trust",
    "taken",
    "refused",
    "lies of 200",
    "at most",
    "right",
    "passed",
    "held",
    "of retrains",
  ];
  const rows = found.map(({ name, taken, refused, lies, right, passed, held, retrains }) => [
    ...[name, taken.toFixed(0), refused.toFixed(0), lies.mean.toFixed(1), lies.most, percent(right / 200)],
    ...[passed, held, percent(held / retrains)],
  ]);
  return formatTable([columns, ...rows]);
}
