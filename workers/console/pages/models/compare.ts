import type { Manifest, RegionRun } from "#client/index.ts";

/** A slice of questions on which two versions are compared: all, one class, or one region. */
export interface Slice {
  kind: "all" | "class" | "region";
  name: string;
  /** What is compared, such as accuracy. */
  metric: string;
  /** Questions that the new version was tested on. */
  n: number;
  before: number;
  after: number;
  /** How much better the new version is; negative for a regression. */
  gain: number;
  /** Whether it is worse by more than twice its standard error; a log-loss by more than 0.01. */
  isRegression: boolean;
}

/** How a version does against the one that serves. */
export interface Comparison {
  slices: Slice[];
  /** Whether it is worse over all questions, so that promoting it needs more than a click, and whether by more than chance may explain. */
  isWorse: boolean;
  isRegression: boolean;
}

type Classifier = Exclude<Manifest, { task: "tensor" }>;

/**
 * Compares a version with the one that serves. Both were evaluated on held-out rows at the origin; a region compares the heads
 * that it trained for each of them on its own held-out questions.
 */
export function compareVersions(before: Classifier, after: Classifier, runs: readonly RegionRun[]): Comparison {
  const all = overall(before.metrics, after.metrics);
  const slices = [...all, ...classes(before, after), ...regions(before.version, after.version, runs)];
  const isJudged = ({ name, metric }: Slice) => name === "thin" && (metric === "accuracy" || metric === "log-loss");
  const judged = all.filter(isJudged);
  return {
    slices,
    isWorse: judged.some(({ gain }) => gain < 0),
    isRegression: judged.some(({ isRegression }) => isRegression),
  };
}

/** Returns the slices with the largest regressions, the worst first. */
export function worstOf({ slices }: Comparison, limit = 5): Slice[] {
  const worse = slices.filter(({ kind, gain }) => kind !== "all" && gain < 0);
  return worse.toSorted((a, b) => a.gain - b.gain).slice(0, limit);
}

function overall(before: Classifier["metrics"], after: Classifier["metrics"]): Slice[] {
  const slices: Slice[] = [];
  for (const network of ["thin", "full"] as const) {
    const [old, now] = [before[network], after[network]];
    if (!old?.n || !now?.n) continue;
    const all = { kind: "all" as const, n: now.n };
    slices.push(share({ ...all, name: network, metric: "accuracy" }, old.accuracy, now.accuracy));
    const gain = old.logLoss - now.logLoss;
    slices.push({
      ...{ ...all, name: network, metric: "log-loss", before: old.logLoss, after: now.logLoss, gain },
      isRegression: gain < -0.01,
    });
    for (const risk of Object.keys(now.coverage).filter((risk) => old.coverage[risk] !== undefined)) {
      const metric = `answered at ${Number(risk) * 100}% error`;
      slices.push(share({ ...all, name: network, metric }, old.coverage[risk] as number, now.coverage[risk] as number));
    }
  }
  return slices;
}

function classes(before: Classifier, after: Classifier): Slice[] {
  const [old, now] = [recallsOf(before), recallsOf(after)];
  return [...now].flatMap(([name, { n, recall }]) => {
    const known = old.get(name);
    return known ? [share({ kind: "class", name, metric: "recall", n }, known.recall, recall)] : [];
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

function regions(before: number, after: number, runs: readonly RegionRun[]): Slice[] {
  const byRegion = Map.groupBy(runs, ({ region }) => region);
  return [...byRegion].flatMap(([name, own]) => {
    const [old, now] = [accuracyOn(before, own), accuracyOn(after, own)];
    return old && now
      ? [share({ kind: "region", name, metric: "accuracy", n: now.n }, old.accuracy, now.accuracy)]
      : [];
  });
}

// Runs come newest first. The head that a run refused does not serve.
function accuracyOn(base: number, runs: readonly RegionRun[]): { n: number; accuracy: number } | null {
  const run = runs.find((one) => one.base === base && one.report?.comparison);
  if (!run?.report?.comparison) return null;
  const { questions: n, regional, global } = run.report.comparison;
  return { n, accuracy: (run.status === "promoted" ? regional : global).accuracy };
}

function share(slice: Pick<Slice, "kind" | "name" | "metric" | "n">, before: number, after: number): Slice {
  const deviation = Math.sqrt((before * (1 - before) + after * (1 - after)) / Math.max(1, slice.n));
  return { ...slice, before, after, gain: after - before, isRegression: after - before < -2 * deviation };
}
