import type { Certificate, LabelSource, Rule } from "../contract/index.ts";
import { type ClassRisks, type ClassTest, classTests, overallRisk, type RiskTest } from "./class-risk.ts";
import { answersToPass, type GroupCounts, isRiskBelow, marginOf, type TestLevels } from "./group-test.ts";
import { acceptNothing, type GroupedAnswer, type ScoredAnswer, validationThreshold } from "./rule.ts";
import { tTail } from "./t-tail.ts";

/** What a rule is certified with. */
export interface CertifyOptions {
  targetRisk: number;
  /** The probability that the certificate is wrong. */
  delta: number;
  source: LabelSource;
  scope: string;
  window: Certificate["window"];
  /** Decides where the sequence of thresholds starts. */
  validation: readonly GroupedAnswer[];
  /** The classes whose risks must be below the target too. */
  classes?: ClassRisks;
}

/** What one part's labels showed. */
export interface PartTest {
  groups: number;
  labels: number;
  /** The laxest threshold that this part certifies; null if it certifies none. */
  threshold: number | null;
}

/** A rule, with what it rests on. */
export interface CertifiedRule {
  rule: Rule;
  tested: { calibration: PartTest; latest: PartTest | null };
  /** How much worse the latest part is than the calibration part, at one threshold; null without a latest part. */
  optimism: Optimism | null;
}

/** Latest minus calibration. */
export interface Optimism {
  threshold: number;
  /** The difference in the error of accepted answers; null if a part has none. */
  error: number | null;
  /** The difference in mean log-loss; null unless every answer has its loss. */
  logLoss: number | null;
}

/** The fewest groups that a part can be tested with: below, the t-test is not robust to skewed groups. */
export const minGroups = { calibration: 40, latest: 8 } as const;

type PartName = keyof typeof minGroups;

/** Answers with their groups as numbers. */
interface GroupedAnswers {
  answers: readonly GroupedAnswer[];
  groups: number;
  groupOf: Int32Array;
}

/** Answers that are tested. */
interface Part extends GroupedAnswers {
  name: PartName;
  levels: TestLevels;
}

/**
 * Finds the laxest threshold whose error among accepted answers is at most `targetRisk` with confidence 1 − delta, where
 * answers of a group depend on each other: fixed-sequence testing from a strict threshold down, stopping at the first that
 * fails ("Learn then test", Angelopoulos et al., arXiv 2110.01052), each by `isRiskBelow` and each class of `classes` too.
 *
 * The calibration part shows that the rule holds for groups like those before, the latest part (blocks of time that no fit
 * has seen) that it still does. Each runs its own sequence at delta/2, and the stricter threshold wins.
 *
 * Sums over groups are skewed: a shock multiplies errors in few groups. In simulated lives of 40 groups with a shock of one
 * logit, a t-test at delta = 5% was false in 11%, at delta/2 in 7%. A correction for skewness (Johnson 1978) at delta was
 * false in 7% too, and lost a quarter of the true certificates. So the level of t is delta/2 without a latest part too.
 */
export function certifyRule(
  grid: readonly number[],
  calibration: readonly GroupedAnswer[],
  latest: readonly GroupedAnswer[] | null,
  options: CertifyOptions,
): CertifiedRule {
  const { targetRisk, delta, classes, validation } = options;
  const levels = { exact: latest ? delta / 2 : delta, t: delta / 2 };
  const parts: Part[] = [{ name: "calibration", levels, ...groupAnswers(calibration) }];
  if (latest) parts.push({ name: "latest", levels, ...groupAnswers(latest) });
  const refused = classes ? refusedClasses(classes, parts, targetRisk, grid.at(-1) ?? 0) : new Map<number, string>();
  const tests = classes ? [overallRisk, ...classTests(classes).filter((t) => !isDropped(t, refused))] : [overallRisk];
  const isAccepted = (threshold: number) => (answer: ScoredAnswer) =>
    answer.confidence >= threshold && !refused.has(answer.predicted);
  const sequence = grid.slice(startOf(grid, validation, parts, { tests, isAccepted, targetRisk }));
  const passes = (part: Part, threshold: number) =>
    tests.every((test) => isPassed(test, part, isAccepted(threshold), targetRisk));
  const missing = missingLabels(parts, classes, targetRisk);
  const tested = parts.map((part): PartTest => {
    const failed = missing ? 0 : sequence.findIndex((threshold) => !passes(part, threshold));
    const threshold = sequence[(failed < 0 ? sequence.length : failed) - 1] ?? null;
    return { groups: part.groups, labels: part.answers.length, threshold };
  });
  const isCertified = tested.every((part) => part.threshold !== null);
  const threshold = isCertified ? Math.max(...tested.map((part) => part.threshold as number)) : acceptNothing;
  const rule: Rule = {
    ...{ threshold, strictest: grid[0] ?? acceptNothing, targetRisk, delta },
    certificate: isCertified ? certificateOf(parts, isAccepted(threshold), options) : null,
    uncertified: isCertified
      ? null
      : {
          status: "pending",
          reason: missing?.reason ?? failureOf(parts, tested, sequence[0], { tests, isAccepted, targetRisk }),
          labels: parts.reduce((sum, part) => sum + part.answers.length, 0),
          labelsNeeded: missing?.labels ?? null,
        },
  };
  if (classes) rule.classRisks = [...classes.perClass];
  if (classes && refused.size > 0) {
    rule.perClass = Object.fromEntries(
      [...refused].map(([label, reason]) => [classes.labels[label] as string, { threshold: acceptNothing, reason }]),
    );
  }
  return {
    rule,
    tested: { calibration: tested[0] as PartTest, latest: tested[1] ?? null },
    optimism: latest && optimismOf(calibration, latest, isCertified ? threshold : null, isAccepted, { grid, options }),
  };
}

function groupAnswers(answers: readonly GroupedAnswer[]): GroupedAnswers {
  const numbers = new Map<string, number>();
  const groupOf = Int32Array.from(answers, ({ group }) => {
    const known = numbers.get(group) ?? numbers.size;
    numbers.set(group, known);
    return known;
  });
  return { answers, groups: numbers.size, groupOf };
}

type Accepts = (answer: ScoredAnswer) => boolean;

function levelsOf({ sharedBy }: RiskTest, { levels }: Part): TestLevels {
  return { exact: levels.exact / sharedBy, t: levels.t / sharedBy };
}

function isPassed(test: RiskTest, part: Part, isAccepted: Accepts, targetRisk: number): boolean {
  return isRiskBelow(countGroups(test, part, isAccepted), targetRisk, levelsOf(test, part));
}

function countGroups(test: RiskTest, part: GroupedAnswers, isAccepted: Accepts): GroupCounts {
  const counts = { answers: new Float64Array(part.groups), errors: new Float64Array(part.groups) };
  for (const [i, answer] of part.answers.entries()) {
    const error = test.count(answer, isAccepted(answer));
    if (error === null) continue;
    const group = part.groupOf[i] as number;
    counts.answers[group] = (counts.answers[group] as number) + 1;
    counts.errors[group] = (counts.errors[group] as number) + error;
  }
  return counts;
}

/** Finds the classes that are predicted too rarely to be tested, at any threshold: with no error they would still fail. */
function refusedClasses(classes: ClassRisks, parts: Part[], targetRisk: number, laxest: number): Map<number, string> {
  const refused = new Map<number, string>();
  for (const test of classTests(classes)) {
    if (test.by !== "predicted") continue;
    for (const part of parts) {
      const { answers } = part;
      const seen = answers.filter((a) => a.predicted === test.label && a.confidence >= laxest).length;
      const needed = answersToPass(targetRisk, levelsOf(test, part).exact);
      if (seen >= needed || refused.has(test.label)) continue;
      const name = classes.labels[test.label];
      refused.set(test.label, `class '${name}': ${seen} answers of ${needed} needed in the ${part.name} part`);
    }
  }
  return refused;
}

function isDropped(test: ClassTest, refused: ReadonlyMap<number, string>): boolean {
  return test.by === "predicted" && refused.has(test.label);
}

/** Names the groups, or else the labels of a class, that a part lacks for any certificate. */
function missingLabels(
  parts: Part[],
  classes: ClassRisks | undefined,
  targetRisk: number,
): { reason: string; labels: number | null } | null {
  for (const { name, answers, groups } of parts) {
    const needed = minGroups[name];
    if (groups >= needed) continue;
    const reason = `${groups} ${groups === 1 ? "group" : "groups"} in the ${name} part; ${needed} are needed for a certificate`;
    return { reason, labels: groups > 0 ? Math.ceil((answers.length / groups) * (needed - groups)) : null };
  }
  for (const test of classes ? classTests(classes) : []) {
    if (test.by !== "true") continue;
    for (const part of parts) {
      const seen = part.answers.filter((a) => a.label === test.label).length;
      const needed = answersToPass(targetRisk, levelsOf(test, part).exact);
      if (seen >= needed) continue;
      const reason = `class '${classes?.labels[test.label]}': ${seen} labels of ${needed} needed in the ${part.name} part`;
      return { reason, labels: needed - seen };
    }
  }
  return null;
}

/** What a step of the sequence needs, beside its threshold. */
interface Steps {
  tests: RiskTest[];
  isAccepted: (threshold: number) => Accepts;
  targetRisk: number;
}

/** The standard errors that a test may fall short of validation and still pass at the first step. */
const startSlack = 3;

/**
 * Finds the step of the grid to start at. The first that fails ends the sequence, and a few very confident answers would
 * fail for their number alone. So it starts at the strictest step that all tests of all parts pass by a wide margin if they
 * go as on validation, or else where the least certain test is the most certain to pass. No label of a tested part is used.
 */
function startOf(
  grid: readonly number[],
  validation: readonly GroupedAnswer[],
  parts: readonly Part[],
  { tests, isAccepted, targetRisk }: Steps,
): number {
  const known = groupAnswers(validation);
  const margins = grid.map((threshold) =>
    tests.map((test) => marginOf(countGroups(test, known, isAccepted(threshold)), targetRisk)),
  );
  const isWide = (margin: number, test: RiskTest, part: Part) => {
    const expected = margin * Math.sqrt(part.answers.length / validation.length);
    return tTail(startSlack - expected, part.groups - 1) <= levelsOf(test, part).t;
  };
  const wide = margins.findIndex((step) =>
    step.every((margin, t) => parts.every((part) => isWide(margin, tests[t] as RiskTest, part))),
  );
  const least = margins.map((step) => Math.min(...step));
  return wide >= 0 ? wide : Math.max(0, least.indexOf(Math.max(...least)));
}

function certificateOf(parts: Part[], isAccepted: Accepts, options: CertifyOptions): Certificate {
  const { targetRisk, delta, source, scope, window } = options;
  const all = parts.flatMap((part) => part.answers);
  const labels = all.filter(isAccepted).length;
  return {
    ...{ targetRisk, confidence: 1 - delta, bound: targetRisk, coverage: labels / all.length, labels },
    ...{ source, scope, window },
  };
}

/** Says which part failed at the first step, by which test. */
function failureOf(
  parts: Part[],
  tested: PartTest[],
  first: number | undefined,
  { tests, isAccepted, targetRisk }: Steps,
): string {
  const part = parts[tested.findIndex(({ threshold }) => threshold === null)] as Part;
  const test = tests.find((test) => first === undefined || !isPassed(test, part, isAccepted(first), targetRisk));
  if (first === undefined || !test) return "cannot be certified: there are no validation answers to set a threshold by";
  const counts = countGroups(test, part, isAccepted(first));
  const [answers, errors] = [counts.answers, counts.errors].map((n) => n.reduce((sum, value) => sum + value, 0));
  return `cannot be certified: ${test.name} is not shown to be at most ${targetRisk} by the ${part.name} part, where ${errors} of ${answers} are errors at the strictest threshold tested (${part.groups} groups)`;
}

function optimismOf(
  calibration: readonly GroupedAnswer[],
  latest: readonly GroupedAnswer[],
  certified: number | null,
  isAccepted: (threshold: number) => Accepts,
  { grid, options }: { grid: readonly number[]; options: CertifyOptions },
): Optimism {
  const threshold = certified ?? validationThreshold(grid, options.validation, options.targetRisk);
  const errorOf = (answers: readonly GroupedAnswer[]) =>
    mean(answers.filter(isAccepted(threshold)).map(({ right }) => (right ? 0 : 1)));
  const logLossOf = (answers: readonly GroupedAnswer[]) => mean(answers.map(({ loss }) => loss ?? Number.NaN));
  return {
    threshold,
    error: difference(errorOf(latest), errorOf(calibration)),
    logLoss: difference(logLossOf(latest), logLossOf(calibration)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function difference(a: number, b: number): number | null {
  return Number.isNaN(a - b) ? null : a - b;
}
