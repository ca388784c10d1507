import type { Command } from "commander";
import { percent } from "#core/format.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { live, type Region, type Stage, stages, targetRisk, type Way } from "./few-labels-life.ts";

interface Options {
  lives: number;
  json?: boolean;
}

/** The stages of all lives of one kind, taken together. */
interface Summary {
  region: string;
  way: Way;
  labels: number;
  accuracy: number;
  lies: number;
  accepted: number;
  /** Mean error of accepted answers, and the share of lives in which it is above the target. */
  error: number;
  above: number;
  /** Promotions, those of them to a head that is truly worse by more than the gate's margin, and the mean change. */
  promoted: number;
  worse: number;
  change: number;
}

const ways: Way[] = ["held out", "cross-fitted"];
const regions: (Region & { name: string })[] = [
  { name: "a global head", isCreated: false, isLiedTo: false },
  { name: "created", isCreated: true, isLiedTo: false },
  { name: "a global head, lied to", isCreated: false, isLiedTo: true },
  { name: "created, lied to", isCreated: true, isLiedTo: true },
];
/** The gate's margin, in log-loss. */
const margin = 0.002;

/** `simulate few-labels`: regions whose labels arrive bit by bit, with a part of them held out and with all of them in training. */
export function fewLabelsSimulation(program: Command): void {
  program
    .command("few-labels")
    .description(
      "grow regions from 20 to 500 labels: errors of accepted answers, and heads that are promoted though worse",
    )
    .option("--lives <n>", "regions of each kind", numberParser("--lives", { atLeast: 10, isWhole: true }), 200)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

function run({ lives, json }: Options): void {
  const bar = showProgress("few labels", regions.length * ways.length * lives);
  const results: Summary[] = [];
  let done = 0;
  for (const { name, ...region } of regions) {
    for (const way of ways) {
      const all: Stage[] = [];
      for (let seed = 1; seed <= lives; seed++) {
        all.push(...live(seed, way, region));
        bar.update(++done);
      }
      for (const labels of stages) {
        const own = all.filter((stage) => stage.labels === labels);
        results.push({ region: name, way, labels, ...summaryOf(own) });
      }
    }
  }
  bar.end();
  printResult(json, { lives, targetRisk, results }, () =>
    formatTable([
      [
        ...["region", "labels", "way", "right", "lies", "accepted", "error", `above ${percent(targetRisk)}`],
        ...["promoted", "though worse", "Δ log-loss"],
      ],
      ...regions.flatMap(({ name }) =>
        stages.flatMap((labels) =>
          results
            .filter((one) => one.region === name && one.labels === labels)
            .map((one) => [
              ...[name, labels, one.way, percent(one.accuracy), percent(one.lies), percent(one.accepted)],
              ...[percent(one.error), percent(one.above), one.promoted, one.worse, one.change.toFixed(4)],
            ]),
        ),
      ),
    ]),
  );
}

function summaryOf(own: readonly Stage[]): Omit<Summary, "region" | "way" | "labels"> {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const errors = own.flatMap(({ error }) => (error === null ? [] : [error]));
  const changes = own.flatMap(({ change }) => (change === null ? [] : [change]));
  return {
    accuracy: mean(own.map(({ accuracy }) => accuracy)),
    lies: mean(own.map(({ lies }) => lies)),
    accepted: mean(own.map(({ accepted }) => accepted)),
    error: mean(errors),
    above: errors.filter((error) => error > targetRisk).length / own.length,
    promoted: changes.length,
    worse: changes.filter((change) => change > margin).length,
    change: mean(changes),
  };
}
