import type { Command } from "commander";
import { binomialTail } from "#core/confidence/binomial.ts";
import { certifyRule } from "#core/confidence/certify.ts";
import { acceptNothing, type GroupedAnswer, thresholdGrid } from "#core/confidence/rule.ts";
import { seededRandom } from "#origin/random.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import {
  fitLogistic,
  logitOf,
  type Parts,
  prepareWorld,
  type Rows,
  splitBySiteAndWeek,
  splitByWeek,
  type World,
  weeks,
} from "./splits-world.ts";

interface Options {
  seeds: number;
  target: number;
  json?: boolean;
}

const delta = 0.05;
/** Just above the target: every certificate there is false. */
const above = 1.02;
const issuedTarget = 0.8;

/** How rows are split and how the rule is certified on them. */
interface Method {
  name: string;
  /** Whether the figures must reach the targets. */
  isRequired: boolean;
  split(rows: Rows, random: () => number): Parts;
  /** Returns the certified threshold; above 1: none. */
  certify(head: Head, parts: Parts, targetRisk: number): number;
}

interface Head {
  answers(part: readonly number[]): GroupedAnswer[];
}

const usualLatest = Math.max(8, Math.ceil(0.15 * weeks));
const methods: Method[] = [
  byGroups(`week, groups, last ${usualLatest} weeks too`, usualLatest, true),
  byGroups("week, groups, last 8 weeks too", 8),
  byGroups("week, groups, last 20 weeks too", 20),
  byGroups("week, groups, no latest part", 0),
  {
    name: "week, row-wise",
    isRequired: false,
    split: (rows, random) => splitByWeek(rows, usualLatest, random),
    certify: byRows,
  },
  { name: "site and week, row-wise", isRequired: false, split: splitBySiteAndWeek, certify: byRows },
];

function byGroups(name: string, latestWeeks: number, isRequired = false): Method {
  const window = { from: "", to: "" };
  return {
    ...{ name, isRequired, split: (rows, random) => splitByWeek(rows, latestWeeks, random) },
    certify(head, parts, targetRisk) {
      const validation = head.answers(parts.validation);
      const latest = latestWeeks > 0 ? head.answers(parts.latest) : null;
      const options = { targetRisk, delta, source: "truth", scope: "global", window, validation } as const;
      return certifyRule(thresholdGrid(validation), head.answers(parts.calibration), latest, options).rule.threshold;
    },
  };
}

/** Certifies as was done before: fixed-sequence testing by the exact binomial test of single rows. */
function byRows(head: Head, parts: Parts, targetRisk: number): number {
  const calibration = head.answers(parts.calibration);
  let threshold = acceptNothing;
  for (const candidate of thresholdGrid(head.answers(parts.validation))) {
    const accepted = calibration.filter(({ confidence }) => confidence >= candidate);
    const errors = accepted.filter(({ right }) => !right).length;
    if (accepted.length === 0 || binomialTail(errors, accepted.length, targetRisk) > delta) break;
    threshold = candidate;
  }
  return threshold;
}

/** What a method does in one world. */
interface Result {
  world: string;
  shock: World["shock"];
  method: string;
  isRequired: boolean;
  /** Lives with a false certificate, where the error of all answers is just above the target. */
  falseShare: number;
  /** Lives with a certificate, where that error is half of the target; null: not simulated. */
  issuedShare: number | null;
  /** The mean share of questions that those certificates accept. */
  coverage: number | null;
}

const shapes = [
  { name: "all answers equally uncertain", slope: 0, above },
  { name: "informative confidence", slope: 1, above: 1.3 },
];

/** `simulate splits`: counts false certificates where rows share a weekly shock. */
export function splitsSimulation(program: Command): void {
  program
    .command("splits")
    .description("count false certificates where 12 sites share a weekly shock, by how rows are split and counted")
    .option("--seeds <n>", "lives of each world", numberParser("--seeds", { atLeast: 1, isWhole: true }), 200)
    .option("--target <risk>", "target risk", numberParser("--target", { above: 0, below: 0.4 }), 0.1)
    .option("--json", "print one JSON object instead of text")
    .action(simulate);
}

function simulate({ seeds, target, json }: Options): void {
  const worlds = shapes.flatMap((shape) => [0, 0.5, 1].map((shock) => ({ ...shape, shock: shock as World["shock"] })));
  worlds.push({ name: "rare bad weeks", slope: 0, above, shock: "rare" });
  const progress = showProgress("simulating", worlds.length * seeds);
  const results: Result[] = [];
  for (const [w, { name, slope, above, shock }] of worlds.entries()) {
    const update = (life: number) => progress.update(w * seeds + life, name);
    const half = shock === "rare" ? null : { shock, slope, error: target / 2 };
    const bad = runLives({ shock, slope, error: above * target }, { seeds, target, update });
    const good = half && runLives(half, { seeds, target, update });
    methods.forEach(({ name: method, isRequired }, m) => {
      const [b, g] = [bad[m] as Tally, good?.[m]];
      results.push({
        ...{ world: name, shock, method, isRequired, falseShare: b.false / seeds },
        issuedShare: g ? g.issued / seeds : null,
        coverage: g && g.issued > 0 ? g.coverage / g.issued : null,
      });
    });
  }
  progress.end();
  const falseTarget = delta + 2 * Math.sqrt((delta * (1 - delta)) / seeds);
  const isMissed = ({ isRequired, falseShare, issuedShare }: Result) =>
    isRequired && (falseShare > falseTarget || (issuedShare !== null && issuedShare < issuedTarget));
  const missed = results.filter(isMissed).length;
  printResult(json, { seeds, target, delta, falseTarget, issuedTarget, results, missed }, () => {
    const header = ["world", "shock", "split and test", "false", "target", "issued", "target", "accepted", ""];
    const lines = results.map((result) => [
      ...[result.world, result.shock, result.method],
      ...[percent(result.falseShare), result.isRequired ? `≤ ${percent(falseTarget)}` : ""],
      ...[
        percent(result.issuedShare),
        result.isRequired && result.issuedShare !== null ? `≥ ${percent(issuedTarget)}` : "",
      ],
      ...[percent(result.coverage), isMissed(result) ? "missed" : ""],
    ]);
    return `${formatTable([header, ...lines])}\n\n${describe(seeds, target)}`;
  });
}

function describe(seeds: number, target: number): string {
  return [
    `${seeds} lives of each world: ${weeks} weeks, 12 sites, target risk ${percent(target)}, certificates at ${percent(1 - delta)}.`,
    `false: certificates whose true error is above the target, where all answers have an error of ${above} × target (1.3 × with informative confidence).`,
    "issued: certificates where all answers have an error of half the target; accepted: the questions that they accept.",
  ].join("\n");
}

interface Tally {
  issued: number;
  false: number;
  coverage: number;
}

/** Runs lives of one world by every method. Methods see the same rows and split them by the same draws. */
function runLives(
  world: World,
  { seeds, target, update }: { seeds: number; target: number; update(life: number): void },
): Tally[] {
  const { draw, truthOf } = prepareWorld(world);
  const tallies = methods.map((): Tally => ({ issued: 0, false: 0, coverage: 0 }));
  for (let seed = 1; seed <= seeds; seed++) {
    update(seed - 1);
    const rows = draw(seededRandom(seed));
    methods.forEach((method, m) => {
      const parts = method.split(rows, seededRandom(seed + 1_000_000));
      const weights = fitLogistic(rows, parts.train);
      const answer = (inputs: Float64Array, offset: number) => answerOf(logitOf(weights, inputs, offset));
      const answers = (part: readonly number[]) =>
        part.map((row): GroupedAnswer => {
          const { predicted, confidence } = answer(rows.inputs, row * weights.length);
          const label = rows.labels[row] as number;
          return { predicted, confidence, label, right: predicted === label, group: String(rows.week[row]) };
        });
      const threshold = method.certify({ answers }, parts, target);
      if (threshold > 1) return;
      const { error, coverage } = truthOf(answer, threshold);
      const tally = tallies[m] as Tally;
      tally.issued++;
      tally.coverage += coverage;
      if (error > target) tally.false++;
    });
  }
  return tallies;
}

function answerOf(logit: number): { predicted: number; confidence: number } {
  const p = 1 / (1 + Math.exp(-logit));
  return p > 0.5 ? { predicted: 1, confidence: p } : { predicted: 0, confidence: 1 - p };
}

function percent(share: number | null): string | null {
  return share === null ? null : `${(100 * share).toFixed(1)}%`;
}
