import type { CanaryState, Manifest, RegionRun, Training, VersionList } from "#client/index.ts";
import { type Interval, normalQuantile, shareDifference } from "#core/confidence/shares.ts";

/** A slice of questions on which two versions are compared: all, one class, or one region. */
export interface Slice {
  kind: "all" | "class" | "region";
  name: string;
  /** What is compared, such as accuracy. */
  metric: string;
  /** Questions that the new version was tested on; null where that is not recorded. */
  n: number | null;
  /** Null where both were judged on the same questions. */
  before: number | null;
  after: number | null;
  /** After − before. */
  difference: number;
  isLowerBetter: boolean;
  /** What chance leaves possible for the difference; null where that can't be known, and nothing is judged. */
  interval: Interval | null;
}

/** How a version does against the one that serves. */
export interface Comparison {
  slices: Slice[];
  /** Whether accuracy over all questions is lower, by chance or not. */
  isLower: boolean;
  /** The slices on which it is worse beyond chance: promoting it needs more than a click. */
  regressions: Slice[];
}

/** What compares the versions on the same questions. */
export interface PairedEvidence {
  canary: CanaryState | null;
  trainings: readonly Training[];
  history: VersionList["history"];
}

type Classifier = Exclude<Manifest, { task: "tensor" }>;

/** The probability that chance alone marks any slice of a table. */
const falseMarks = 0.05;
/** The figures over all questions that are judged here: the accuracy of two networks, and a training's log-loss. A canary has its own δ. */
const overallFigures = 3;
/** The tail that the bound of a training's verdict leaves. */
const verdictTail = 0.1;

/**
 * Compares a version with the one that serves: on the same questions where a training or a canary has, else by the held-out rows
 * of each at the origin, and by a region's heads for each of them on its own held-out questions. The intervals of shares take
 * questions as independent, and hold for a table as a whole (Bonferroni).
 */
export function compareVersions(
  before: Classifier,
  after: Classifier,
  runs: readonly RegionRun[],
  paired: PairedEvidence = { canary: null, trainings: [], history: [] },
): Comparison {
  const slices = [
    ...overall(before.metrics, after.metrics),
    ...onSameQuestions(before.version, after.version, paired),
    ...judged(classes(before, after)),
    ...judged(regions(before.version, after.version, runs)),
  ];
  const isAccuracy = ({ kind, name, metric }: Slice) => kind === "all" && name === "thin" && metric === "accuracy";
  return {
    slices,
    isLower: slices.some((slice) => isAccuracy(slice) && lossOf(slice) > 0),
    regressions: slices.filter(isRegression),
  };
}

/** Tells whether a slice is worse by more than chance explains. */
export function isRegression({ interval, isLowerBetter }: Slice): boolean {
  return interval !== null && (isLowerBetter ? interval.low > 0 : interval.high < 0);
}

/** Returns the classes and regions with the largest losses, the worst first. */
export function worstOf({ slices }: Comparison, limit = 5): Slice[] {
  const worse = slices.filter((slice) => slice.kind !== "all" && lossOf(slice) > 0);
  return worse.toSorted((a, b) => lossOf(b) - lossOf(a)).slice(0, limit);
}

function lossOf({ difference, isLowerBetter }: Slice): number {
  return isLowerBetter ? difference : -difference;
}

function overall(before: Classifier["metrics"], after: Classifier["metrics"]): Slice[] {
  const [shares, others]: [ShareSlice[], Slice[]] = [[], []];
  for (const network of ["thin", "full"] as const) {
    const [old, now] = [before[network], after[network]];
    if (!old?.n || !now?.n) continue;
    const all = { kind: "all" as const, name: network, n: now.n };
    shares.push({ ...all, metric: "accuracy", oldN: old.n, before: old.accuracy, after: now.accuracy });
    others.push(unjudged({ ...all, metric: "log-loss", before: old.logLoss, after: now.logLoss, isLowerBetter: true }));
    for (const risk of Object.keys(now.coverage).filter((risk) => old.coverage[risk] !== undefined)) {
      // It depends on a few errors near the threshold: it has no share's spread.
      const metric = `answered at ${Number(risk) * 100}% error`;
      const [was, is] = [old.coverage[risk] as number, now.coverage[risk] as number];
      others.push(unjudged({ ...all, metric, before: was, after: is, isLowerBetter: false }));
    }
  }
  return [...judged(shares, overallFigures), ...others].sort((a, b) => b.name.localeCompare(a.name));
}

/** What a training and a canary have found, each question judged with both versions. */
function onSameQuestions(before: number, after: number, { canary, trainings, history }: PairedEvidence): Slice[] {
  const both = { kind: "all" as const, before: null, after: null, isLowerBetter: true };
  const slices: Slice[] = [];
  const { difference = 0, bound = 0 } = trainingOf(before, after, trainings, history)?.verdict ?? {};
  if (bound !== difference) {
    const reach = ((bound - difference) * normalQuantile(falseMarks / overallFigures)) / normalQuantile(verdictTail);
    const interval = { low: difference - reach, high: difference + reach };
    slices.push({ ...both, name: "thin", metric: "log-loss, same rows", n: null, difference, interval });
  }
  const verdict = canary?.version === after && canary.stable === before ? canary.verdict : null;
  if (verdict && verdict.error.mean !== null) {
    const { mean, lower, upper } = verdict.error;
    const own = { name: "canary", metric: "error, same questions", n: verdict.pairs, difference: mean };
    slices.push({ ...both, ...own, interval: { low: lower, high: upper } });
  }
  return slices;
}

// A training compares with the version that serves while it runs.
function trainingOf(
  before: number,
  after: number,
  trainings: readonly Training[],
  history: PairedEvidence["history"],
): Training | undefined {
  const moves = history.filter(({ region, action }) => region === null && ["stable", "rollback"].includes(action));
  const last = moves.toSorted((a, b) => b.at - a.at)[0];
  if (last?.version !== before) return undefined;
  return trainings.find(({ version, createdAt }) => version === after && Date.parse(createdAt) > last.at);
}

function classes(before: Classifier, after: Classifier): ShareSlice[] {
  const [old, now] = [recallsOf(before), recallsOf(after)];
  return [...now].flatMap(([name, { n, recall }]) => {
    const known = old.get(name);
    if (!known) return [];
    return [{ kind: "class", name, metric: "recall", n, oldN: known.n, before: known.recall, after: recall }];
  });
}

function recallsOf({ labels, metrics }: Classifier): Map<string, { n: number; recall: number }> {
  const found = new Map<string, { n: number; recall: number }>();
  const confusion = metrics.thin.confusion ?? [];
  for (const [index, name] of labels.entries()) {
    const row = confusion.filter(([label]) => label === index);
    const n = row.reduce((sum, [, , count]) => sum + count, 0);
    const right = row.find(([, predicted]) => predicted === index)?.[2] ?? 0;
    if (n > 0) found.set(name, { n, recall: right / n });
  }
  return found;
}

function regions(before: number, after: number, runs: readonly RegionRun[]): ShareSlice[] {
  const byRegion = Map.groupBy(runs, ({ region }) => region);
  return [...byRegion].flatMap(([name, own]) => {
    const [old, now] = [accuracyOn(before, own), accuracyOn(after, own)];
    if (!old || !now) return [];
    const tested = { n: now.n, oldN: old.n, before: old.accuracy, after: now.accuracy };
    return [{ kind: "region", name, metric: "accuracy", ...tested }];
  });
}

// Runs come newest first. The head that a run refused does not serve.
function accuracyOn(base: number, runs: readonly RegionRun[]): { n: number; accuracy: number } | null {
  const run = runs.find((one) => one.base === base && one.report?.comparison);
  if (!run?.report?.comparison) return null;
  const { questions: n, regional, global } = run.report.comparison;
  return { n, accuracy: (run.status === "promoted" ? regional : global).accuracy };
}

/** A share of right answers of each version, of so many questions. */
interface ShareSlice extends Pick<Slice, "kind" | "name" | "metric"> {
  n: number;
  oldN: number;
  before: number;
  after: number;
}

function judged(slices: readonly ShareSlice[], figures = slices.length): Slice[] {
  const tail = falseMarks / Math.max(1, figures);
  return slices.map(({ oldN, ...slice }) => {
    const { before, after, n } = slice;
    const interval = shareDifference(
      { share: before, n: Math.max(1, oldN) },
      { share: after, n: Math.max(1, n) },
      tail,
    );
    return { ...slice, difference: after - before, isLowerBetter: false, interval };
  });
}

function unjudged(slice: Omit<Slice, "difference" | "interval"> & { before: number; after: number }): Slice {
  return { ...slice, difference: slice.after - slice.before, interval: null };
}
