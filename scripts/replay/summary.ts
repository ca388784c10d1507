import { type Metrics, type RungName, rungs as rungNames } from "#core/contract/index.ts";
import { errorOf, type LadderNumbers, ladderNumbers } from "./numbers.ts";
import {
  type HeadName,
  heads,
  isRightAt,
  labelAt,
  type Played,
  playedScores,
  rowsBy,
  rungOf,
  taskIn,
} from "./played.ts";

/** The answers that edge and region accepted, with their realised error. */
interface AcceptedSummary {
  accepted: number;
  coverage: number;
  /** Null when nothing was accepted. */
  error: number | null;
}

/** Figures of a set of replayed questions. */
export interface ReplaySummary {
  questions: number;
  heads: Partial<Record<HeadName, Metrics>>;
  /** The share of questions that each rung answered; open ones count as human. */
  rungs: Record<RungName, number>;
  /** The number of questions that each rung answered. */
  answered: Record<RungName, number>;
  live: AcceptedSummary;
  /** The errors of the ladder's answers, where they are numbers; null where they are labels. */
  ladder: LadderNumbers | null;
}

/** How a head's log-loss, or the mean absolute error of its numbers, compares with the global head's, by region. */
export interface Gains {
  regions: number;
  better: number;
  /** The regions with the smallest and the greatest gain; a gain below 0 is a loss. */
  worst: { region: string; gain: number };
  best: { region: string; gain: number };
}

/** Evaluates every head on the rows it scored and counts the answers of each rung. */
export function summarise(played: Played, rows: readonly number[]): ReplaySummary {
  const rungs: Record<RungName, number> = { edge: 0, region: 0, origin: 0, human: 0 };
  const answered: Record<RungName, number> = { ...rungs };
  for (const row of rows) answered[rungOf(played, row)]++;
  for (const rung of rungNames) rungs[rung] = rows.length === 0 ? 0 : answered[rung] / rows.length;
  const evaluated = heads.flatMap((head) => {
    const scored = rows.flatMap((row) => {
      const scores = playedScores(played, head, row);
      return scores ? [{ scores, label: labelAt(played, row) }] : [];
    });
    if (scored.length === 0) return [];
    const metrics = taskIn(played).evaluate(
      scored.map(({ scores }) => scores),
      scored.map(({ label }) => label),
    );
    return [[head, metrics] as const];
  });
  const measured = { live: liveOf(played, rows), ladder: ladderNumbers(played, rows) };
  return { questions: rows.length, heads: Object.fromEntries(evaluated), rungs, answered, ...measured };
}

/** Summarises rows by a key, sorted by key. */
export function summariseBy(
  played: Played,
  rows: readonly number[],
  key: (row: number) => string,
): Record<string, ReplaySummary> {
  return Object.fromEntries(rowsBy(rows, key).map(([name, group]) => [name, summarise(played, group)]));
}

/** Computes a head's gains over the global head; null when no region has that head. */
export function gainsOf(byRegion: Record<string, ReplaySummary>, head: HeadName): Gains | null {
  const gains = Object.entries(byRegion).flatMap(([region, { heads: measured }]) => {
    const [global, own] = [errorOf(measured.global), errorOf(measured[head])];
    return global !== undefined && own !== undefined ? [{ region, gain: global - own }] : [];
  });
  gains.sort((a, b) => a.gain - b.gain);
  const [worst, best] = [gains[0], gains.at(-1)];
  if (!worst || !best) return null;
  return { regions: gains.length, better: gains.filter(({ gain }) => gain > 0).length, worst, best };
}

function liveOf(played: Played, rows: readonly number[]): AcceptedSummary {
  const accepted = rows.filter((row) => played.accepted[row] === 1);
  const wrong = accepted.filter((row) => !isRightAt(played, row)).length;
  return {
    accepted: accepted.length,
    coverage: accepted.length / rows.length,
    error: accepted.length === 0 ? null : wrong / accepted.length,
  };
}
