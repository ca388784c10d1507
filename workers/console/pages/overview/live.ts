import { useRef } from "preact/hooks";
import type { Ladder, ModelLadder, SeriesStep } from "#client/index.ts";

/** Polls that are kept: two minutes. */
const keptPolls = 60;
/** Polls over which the rate is measured, and the time between two. */
const ratePolls = 5;
const everyMs = 2_000;

/** Follows each model over the last polls of this page, as steps like those of a series. */
export function useLive(ladder: Ladder | null): Map<string, SeriesStep[]> {
  const polls = useRef<Ladder[]>([]);
  if (ladder && polls.current.at(-1) !== ladder) polls.current = [...polls.current.slice(-keptPolls), ladder];
  const names = ladder?.models.map(({ model }) => model) ?? [];
  return new Map(names.map((name) => [name, stepsOf(polls.current, name)]));
}

/** Returns the questions per second over the last polls; null before the second. */
export function perSecondOf(steps: readonly SeriesStep[]): number | null {
  const last = steps.slice(-ratePolls);
  const [first, end] = [last[0], last.at(-1)];
  if (!first || !end) return null;
  const seconds = (end.at - first.at + everyMs) / 1_000;
  return last.reduce((sum, { questions }) => sum + questions, 0) / seconds;
}

function stepsOf(polls: readonly Ladder[], name: string): SeriesStep[] {
  const seen = polls.flatMap(({ at, models }) => {
    const model = models.find((one) => one.model === name);
    return model ? [{ at, model }] : [];
  });
  return seen.slice(1).map(({ at, model }, i) => ({ at, ...stepOf((seen[i] as (typeof seen)[number]).model, model) }));
}

function stepOf(before: ModelLadder, after: ModelLadder): Omit<SeriesStep, "at"> {
  const rungOf = (ladder: ModelLadder, name: string) => ladder.rungs.find(({ rung }) => rung === name);
  const grown = (name: string) =>
    Math.max(0, (rungOf(after, name)?.answered ?? 0) - (rungOf(before, name)?.answered ?? 0));
  const wrongIn = (ladder: ModelLadder) => {
    const { judged = 0, accuracy = null } = rungOf(ladder, "edge") ?? {};
    return { judged, wrong: Math.round(judged * (1 - (accuracy ?? 1))) };
  };
  const [was, is] = [wrongIn(before), wrongIn(after)];
  const judged = Math.max(0, is.judged - was.judged);
  const edge = rungOf(after, "edge");
  return {
    questions: Math.max(0, after.questions - before.questions),
    answered: { edge: grown("edge"), region: grown("region"), origin: grown("origin"), human: grown("human") },
    ...{ judged, error: judged === 0 ? null : Math.max(0, is.wrong - was.wrong) / judged },
    ...{ p50Ms: edge?.p50Ms ?? null, p99Ms: edge?.p99Ms ?? null },
    usdPerMillion: after.usdPerMillion,
    originUsdPerMillion: rungOf(after, "origin")?.usdPerMillion ?? null,
  };
}
