import type { Command } from "commander";
import { isBelowWithConfidence } from "#core/confidence/bounds.ts";
import { addTrial, noTrials, type Outcome } from "#core/confidence/trials.ts";
import { windowDelta } from "#core/confidence/window.ts";
import { count, percent } from "#core/format.ts";
import { seededRandom } from "#origin/random.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { UsageError } from "../local/usage.ts";
import { drawOpinion, PoweredLife } from "./powered-life.ts";
import { inverted, live, type OpinionModel, opinionModels, worlds } from "./worlds.ts";

interface Options {
  lives: string;
  json?: boolean;
}

/** Labels until a certificate is valid; null: not within `mostLabels`. */
interface Labels {
  p50: number | null;
  p90: number | null;
}

interface LabelsRow {
  error: number;
  level: number;
  opinionShare: number;
  opinion: string;
  labelsAlone: Labels;
  withOpinions: Labels;
  /** The most labels at p50. */
  target: number | null;
}

interface FalseRow {
  opinion: string;
  world: string;
  everValid: number;
  everFalse: number;
}

const seed = 101;
const targetRisk = 0.05;
const delta = 0.05;
// A region's first window spends half of δ.
const levels = [delta, windowDelta({ number: 1 }, delta)];
const plannedShare = 0.1;
const errors = [0.03, 0.04];
const opinionShares = [1, 0.25];
const mostLabels = 30_000;
const inversionAtLabel = 150;
const targets: Record<string, number> = { "1 0.03": 450, "1 0.04": 1_250, "0.25 0.03": 600, "0.25 0.04": 1_900 };
/** The most labels with any other opinion, as a multiple of those without opinions. */
const worstRatio = 1.4;
const falseLives = { targetRisk: 0.1, delta, plannedShare: 0.02, opinionShare: 0.25, questions: 30_000 };

/** `simulate certificates`: counts the labels until a certificate is valid, and how often one is ever false. */
export function certificatesSimulation(program: Command): void {
  program
    .command("certificates")
    .description("count the labels until a certificate is valid, with and without opinions, and how often one is false")
    .option("--lives <n>", "number of lives a setting", "2000")
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

function run({ lives: given, json }: Options): void {
  const lives = Number(given);
  if (!(Number.isInteger(lives) && lives > 0))
    throw new UsageError(`--lives must be a positive number; received ${given}.`);
  const labels = simulateLabels(lives);
  const everFalse = simulateFalse(lives);
  const most = delta + 3 * Math.sqrt((delta * (1 - delta)) / lives);
  printResult(json, { seed, lives, targetRisk, levels, plannedShare, labels, everFalse, mostFalse: most }, () =>
    [describeLabels(labels, lives), describeFalse(everFalse, lives, most)].join("\n\n"),
  );
}

function simulateLabels(lives: number): LabelsRow[] {
  const models = Object.entries<OpinionModel>(opinionModels);
  const progress = showProgress("labels", errors.length * (1 + opinionShares.length * models.length));
  let done = 0;
  const rows = errors.flatMap((error) => {
    const labelsAlone = labelsOf(lives, (random) => labelsWithoutOpinions(random, error));
    progress.update(++done);
    return opinionShares.flatMap((opinionShare) =>
      models.flatMap(([opinion, model], i) => {
        const withOpinions = labelsOf(lives, (random) => labelsWithOpinions(random, error, opinionShare, model));
        progress.update(++done);
        return levels.map((level, k) => {
          const alone = labelsAlone[k] as Labels;
          const others = alone.p50 === null ? null : Math.floor(worstRatio * alone.p50);
          const target = i === 0 ? (targets[`${opinionShare} ${error}`] ?? null) : others;
          return {
            error,
            level,
            opinionShare,
            opinion,
            labelsAlone: alone,
            withOpinions: withOpinions[k] as Labels,
            target,
          };
        });
      }),
    );
  });
  progress.end();
  return rows.sort((a, b) => b.level - a.level);
}

/** Computes the quantiles for each level from the labels of all lives. */
function labelsOf(lives: number, life: (random: () => number) => number[]): Labels[] {
  const random = seededRandom(seed);
  const all = Array.from({ length: lives }, () => life(random));
  return levels.map((_, k) => {
    const sorted = all.map((labels) => labels[k] ?? mostLabels).sort((a, b) => a - b);
    const quantile = (share: number) => {
      const labels = sorted[Math.ceil(share * lives) - 1] as number;
      return labels < mostLabels ? labels : null;
    };
    return { p50: quantile(0.5), p90: quantile(0.9) };
  });
}

/** Simulates one life; returns after how many labels the certificate is first valid at each level that it reaches. */
function labelsWithoutOpinions(random: () => number, risk: number): number[] {
  let trials = noTrials(plannedShare);
  const reached: number[] = [];
  while (trials.labels < mostLabels && reached.length < levels.length) {
    trials = addTrial(trials, { inclusionProbability: plannedShare, error: random() < risk ? 1 : 0 });
    pushReached(reached, trials.labels, (level) => isBelowWithConfidence(trials, targetRisk, level));
  }
  return reached;
}

function labelsWithOpinions(random: () => number, risk: number, opinionShare: number, model: OpinionModel): number[] {
  const life = new PoweredLife({ targetRisk, minPlannedShare: plannedShare, maxOpinionShare: opinionShare });
  const reached: number[] = [];
  const isValid = (level: number) => life.isValid(level);
  let labels = 0;
  while (labels < mostLabels) {
    // Questions whose opinion is not drawn change nothing.
    const isPlanned = random() < plannedShare / opinionShare;
    const error: Outcome = random() < risk ? 1 : 0;
    const isInverted = model.isInverted && labels >= inversionAtLabel;
    const kind = drawOpinion(random, isInverted ? inverted(model.rates) : model.rates, error);
    if (!isPlanned) {
      life.addUnlabelled(kind);
      continue;
    }
    // Opinions alone may have sufficed.
    pushReached(reached, labels, isValid);
    if (reached.length === levels.length) break;
    life.addLabelled(kind, error);
    labels++;
    pushReached(reached, labels, isValid);
    if (reached.length === levels.length) break;
  }
  return reached;
}

function pushReached(reached: number[], labels: number, isValid: (level: number) => boolean): void {
  while (reached.length < levels.length && isValid(levels[reached.length] as number)) reached.push(labels);
}

function simulateFalse(lives: number): FalseRow[] {
  const models = Object.entries<OpinionModel>(opinionModels);
  const progress = showProgress("false certificates", Object.keys(worlds).length * models.length);
  let done = 0;
  const rows = Object.entries(worlds).flatMap(([world, makeWorld]) =>
    models.map(([opinion, model]) => {
      const random = seededRandom(seed);
      const setting = { ...falseLives, opinion: model, world: makeWorld };
      const all = Array.from({ length: lives }, () => live(random, setting));
      progress.update(++done);
      return {
        opinion,
        world,
        everValid: all.filter((life) => life.everValid).length / lives,
        everFalse: all.filter((life) => life.everFalse).length / lives,
      };
    }),
  );
  progress.end();
  return rows;
}

function describeLabels(rows: readonly LabelsRow[], lives: number): string {
  const number = (labels: number | null) => (labels === null ? `over ${count(mostLabels)}` : count(labels));
  const body = rows.map(({ error, level, opinionShare, opinion, labelsAlone, withOpinions, target }) => [
    percent(level),
    percent(error),
    percent(opinionShare),
    opinion,
    number(labelsAlone.p50),
    number(labelsAlone.p90),
    number(withOpinions.p50),
    number(withOpinions.p90),
    target === null ? null : `${count(target)} ${isMet(withOpinions.p50, target) ? "met" : "missed"}`,
  ]);
  const header = ["δ", "error", "asked", "opinion", "labels p50", "p90", "with opinions p50", "p90", "target p50"];
  return [
    `Labels until the error is certified at ${percent(targetRisk)}: ${count(lives)} lives a row, audit ${percent(plannedShare)}.`,
    `An opinion that is inverted is so from label ${inversionAtLabel} on. A region's first window spends δ/2. Target of other opinions: ${worstRatio} times the labels without.`,
    formatTable([header, ...body]),
  ].join("\n");
}

function describeFalse(rows: readonly FalseRow[], lives: number, most: number): string {
  const { targetRisk: target, plannedShare: audit, opinionShare, questions } = falseLives;
  const body = rows.map(({ world, opinion, everValid, everFalse }) => [
    world,
    opinion,
    percent(everValid),
    percent(everFalse),
    `${percent(most)} ${everFalse <= most ? "met" : "missed"}`,
  ]);
  return [
    `Certificates that are ever false: ${count(lives)} lives of ${count(questions)} questions a row, target ${percent(target)}, audit ${percent(audit)}.`,
    `Opinions on ${percent(opinionShare)} until the certificate is valid, then on ${percent(audit)}; an inverted one is so from the middle on.`,
    formatTable([["world", "opinion", "ever valid", "ever false", "at most"], ...body]),
  ].join("\n");
}

function isMet(labels: number | null, target: number): boolean {
  return labels !== null && labels <= target;
}
