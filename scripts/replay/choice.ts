import { accepts } from "#core/confidence/rule.ts";
import type { Answer, ClassifyManifest, RegionState, Rule } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { type Played, playedScores, rowsBy } from "./played.ts";
import type { Stock } from "./stock.ts";

/** Restricted answers of a region. */
export interface ChoiceSummary {
  candidates: string[] | null;
  questions: number;
  /** The share of questions whose true label is among the candidates: no accuracy is above it. */
  stocked: number;
  accuracy: number;
  /** The accuracy where the true label is among the candidates; null where it never is. */
  accuracyStocked: number | null;
  accepted: number;
  coverage: number;
  /** The share of wrong labels among accepted answers; null where none was accepted. */
  error: number | null;
  /** Answers that name a label outside the candidates. */
  outside: number;
}

/** How many of the same questions a rule accepts, and how many of these are wrong. */
export interface Judged {
  asked: number;
  accepted: number;
  error: number | null;
}

/** What happens to the questions since the last retrain, for which the unrestricted scores and the rules are known. */
export interface ChoiceCheck {
  unrestricted: Judged;
  restricted: Judged;
  /** What renormalised scores would accept. */
  renormalised: Judged;
  /** One candidate alone: the label with the highest score among all, and each other one. */
  aloneBest: Judged;
  aloneOther: Judged;
  /** Of one candidate alone: answers with another label, with another score than among all, and accepted or not against the rule. */
  exceptions: { label: number; score: number; acceptance: number };
}

/** The part of a replay's report about candidates. */
export interface ChoiceReport {
  count: number;
  all: ChoiceSummary;
  byRegion: Record<string, ChoiceSummary>;
  check: ChoiceCheck;
}

/** An answer to a question of one candidate alone. */
export interface AloneAnswer {
  row: number;
  candidate: string;
  answer: Pick<Answer, "label" | "confidence" | "accepted">;
}

/** Summarises restricted answers by region. */
export function summariseChoice(
  played: Played,
  rows: readonly number[],
  { labels, stock }: { labels: readonly string[]; stock: Stock },
): Pick<ChoiceReport, "all" | "byRegion"> {
  const summarise = (some: readonly number[], candidates: readonly string[] | null): ChoiceSummary => {
    const isStocked = (row: number) =>
      stockedIn(played, row, stock).includes(labels[played.label[row] as number] ?? "");
    const isRight = (row: number) => played.prediction[row] === played.label[row];
    const stocked = some.filter(isStocked);
    const accepted = some.filter((row) => played.accepted[row] === 1);
    return {
      candidates: candidates && [...candidates],
      questions: some.length,
      stocked: stocked.length / some.length,
      accuracy: some.filter(isRight).length / some.length,
      accuracyStocked: stocked.length === 0 ? null : stocked.filter(isRight).length / stocked.length,
      accepted: accepted.length,
      coverage: accepted.length / some.length,
      error: accepted.length === 0 ? null : accepted.filter((row) => !isRight(row)).length / accepted.length,
      outside: some.filter((row) => isOutside(played, row, labels, stock)).length,
    };
  };
  const byRegion = rowsBy(rows, (row) => played.region[row] as string);
  return {
    all: summarise(rows, null),
    byRegion: Object.fromEntries(
      byRegion.map(([region, own]) => [region, summarise(own, stock.get(region) ?? labels)] as const),
    ),
  };
}

/** Compares restricted answers with the rules that the regions serve by, on rows that their present heads have scored. */
export function checkChoice(
  played: Played,
  alone: readonly AloneAnswer[],
  context: { manifest: ClassifyManifest; states: readonly RegionState[]; stock: Stock },
): ChoiceCheck {
  const { manifest, stock } = context;
  const { labels } = manifest;
  const rules = new Map(context.states.map((state) => [state.region, ruleOf(manifest, state)]));
  const passes = (row: number, label: number, score: number) => {
    const rule = rules.get(played.region[row] as string) ?? manifest.thin.rule;
    const mayAnswer = rule.certificate !== null || manifest.policy.uncertified === "answer";
    return mayAnswer && accepts(rule, score, labels[label] as string);
  };
  const counts = { unrestricted: tally(), restricted: tally(), renormalised: tally(), best: tally(), other: tally() };
  for (const row of new Set(alone.map((one) => one.row))) {
    const scores = scoresOf(played, row);
    const truth = played.label[row] as number;
    const top = argMax(scores);
    counts.unrestricted.add(passes(row, top, scores[top] as number), top === truth);
    const allowed = stockedIn(played, row, stock).map((label) => labels.indexOf(label));
    const chosen = allowed[argMax(allowed.map((label) => scores[label] as number))] as number;
    const sum = allowed.reduce((total, label) => total + (scores[label] as number), 0);
    counts.restricted.add(played.accepted[row] === 1, played.prediction[row] === truth);
    counts.renormalised.add(passes(row, chosen, (scores[chosen] as number) / sum), chosen === truth);
  }
  const exceptions = { label: 0, score: 0, acceptance: 0 };
  for (const { row, candidate, answer } of alone) {
    const scores = scoresOf(played, row);
    const label = labels.indexOf(candidate);
    const score = scores[label] as number;
    const which = label === argMax(scores) ? counts.best : counts.other;
    which.add(answer.accepted, label === played.label[row]);
    if (answer.label !== candidate) exceptions.label++;
    if (Math.abs(answer.confidence - score) > 1e-6) exceptions.score++;
    if (answer.accepted !== passes(row, label, score)) exceptions.acceptance++;
  }
  const { unrestricted, restricted, renormalised, best, other } = counts;
  return {
    unrestricted: unrestricted.judged(),
    restricted: restricted.judged(),
    renormalised: renormalised.judged(),
    aloneBest: best.judged(),
    aloneOther: other.judged(),
    exceptions,
  };
}

function ruleOf({ thin }: ClassifyManifest, { rule, headManifest }: RegionState): Rule {
  return rule ?? headManifest?.rule ?? thin.rule;
}

function stockedIn({ region }: Played, row: number, stock: Stock): readonly string[] {
  return stock.get(region[row] as string) ?? [];
}

function isOutside(played: Played, row: number, labels: readonly string[], stock: Stock): boolean {
  const allowed = stockedIn(played, row, stock);
  const scores = played.scores.ladder?.subarray(row * played.classes, (row + 1) * played.classes);
  return labels.some(
    (label, i) => !allowed.includes(label) && (played.prediction[row] === i || !Number.isNaN(scores?.[i])),
  );
}

function scoresOf(played: Played, row: number): Float64Array {
  return playedScores(played, "regional", row) ?? (playedScores(played, "global", row) as Float64Array);
}

function tally() {
  let [asked, accepted, wrong] = [0, 0, 0];
  return {
    add: (isAccepted: boolean, isRight: boolean) => {
      asked++;
      if (isAccepted) accepted++;
      if (isAccepted && !isRight) wrong++;
    },
    judged: (): Judged => ({ asked, accepted, error: accepted === 0 ? null : wrong / accepted }),
  };
}
