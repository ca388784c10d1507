import type { RegionState } from "#client/index.ts";
import { binomialTail } from "#core/confidence/binomial.ts";
import type { CertificateState } from "#core/contract/index.ts";
import { isRightAt, type Played, scopes } from "./played.ts";

/** A region's certificate at the end of a year, after the first `rows` questions and their labels. */
export interface CertificateLook {
  year: string;
  region: string;
  rows: number;
  state: CertificateState | null;
}

/** A certificate and the realised error of the replayed questions in its window. */
export interface StationYear {
  year: string;
  region: string;
  status: CertificateState["status"] | "none";
  bound: number | null;
  /** The share of the window's questions that was accepted. */
  coverage: number | null;
  /** The mean error by the region's count and by the replay's; null without questions. */
  mean: number | null;
  realised: number | null;
  labels: number;
  labelsNeeded: number | null;
  window: CertificateState["window"] | null;
}

/** Certificates of many regions over many years. */
export interface CertificateSummary {
  stationYears: number;
  valid: number;
  /** The mean coverage of the valid ones; null without any. */
  meanCoverage: number | null;
  /** Valid although the realised error was above the bound; the share of these should be at most δ. */
  validAbove: number;
  pending: number;
  void: number;
  none: number;
  /** Median of the labels that pending and void certificates still need; null when none states a number. */
  medianLabelsNeeded: number | null;
  /** Certificates whose error is above the target, so that no number of labels certifies it. */
  neverAtThisError: number;
}

/** Records the certificates of all regions. */
export function looksOf(states: readonly RegionState[], year: string, rows: number): CertificateLook[] {
  return states.map(({ region, certificate }) => ({ year, region, rows, state: certificate ?? null }));
}

/** Compares each certificate with the realised error of the replay. */
export function judgeLooks(played: Played, looks: readonly CertificateLook[]): StationYear[] {
  const byRegion = Map.groupBy(
    Array.from({ length: played.rows }, (_, row) => row),
    (row) => played.region[row],
  );
  return looks.map(({ year, region, rows, state }) => {
    if (!state) return { year, region, status: "none", ...nothingKnown };
    const { status, bound, coverage, mean, labels, labelsNeeded, window } = state;
    const known = (byRegion.get(region) ?? []).filter((row) => row < rows);
    const realised = errorIn(played, known, window);
    return { year, region, status, bound, coverage, mean, realised, labels, labelsNeeded, window };
  });
}

/** Summarises certificates of many regions and years. */
export function summariseLooks(looks: readonly StationYear[]): CertificateSummary {
  const count = (status: StationYear["status"]) => looks.filter((look) => look.status === status).length;
  const isAbove = ({ status, realised, bound }: StationYear) =>
    status === "valid" && realised !== null && bound !== null && realised > bound;
  const waiting = looks.filter(({ status }) => status === "pending" || status === "void");
  const needed = waiting.flatMap(({ labelsNeeded }) => (labelsNeeded === null ? [] : [labelsNeeded]));
  return {
    stationYears: looks.length,
    valid: count("valid"),
    meanCoverage: meanOf(
      looks.flatMap(({ status, coverage }) => (status === "valid" && coverage !== null ? [coverage] : [])),
    ),
    validAbove: looks.filter(isAbove).length,
    pending: count("pending"),
    void: count("void"),
    none: count("none"),
    medianLabelsNeeded: median(needed),
    neverAtThisError: waiting.length - needed.length,
  };
}

/** The answers that a certificate came with, by region and year. */
export interface ServedWhileValid {
  stationYears: number;
  questions: number;
  /** Null without questions, as is the mean over station-years. */
  error: number | null;
  /** Station-years with more errors than the target explains: by chance alone fewer than one in `chance` has. */
  above: number;
  chance: number;
  worst: { region: string; year: string; questions: number; error: number } | null;
}

const chance = 0.05;

/** Counts the errors of answers that were served with the certificate of a scope, by region and year. */
export function judgeServed(
  played: Played,
  scope: (typeof scopes)[number],
  targetRisk: number,
  yearOf: (at: number) => string,
): ServedWhileValid {
  const index = scopes.indexOf(scope);
  const rows = Array.from({ length: played.rows }, (_, row) => row).filter((row) => played.certified[row] === index);
  const isWrong = (row: number) => !isRightAt(played, row);
  const groups = [...Map.groupBy(rows, (row) => `${yearOf(played.at[row] as number)}|${played.region[row]}`)];
  const judged = groups.map(([key, own]) => {
    const [year = "", region = ""] = key.split("|");
    const errors = own.filter(isWrong).length;
    // P(as many errors or more), if the error were the target.
    const tail = errors === 0 ? 1 : 1 - binomialTail(errors - 1, own.length, targetRisk);
    return { year, region, questions: own.length, error: errors / own.length, isAbove: tail < chance };
  });
  const [worst = null] = judged.filter(({ isAbove }) => isAbove).sort((a, b) => b.error - a.error);
  return {
    ...{ stationYears: judged.length, questions: rows.length, chance },
    error: rows.length === 0 ? null : rows.filter(isWrong).length / rows.length,
    above: judged.filter(({ isAbove }) => isAbove).length,
    worst: worst && { region: worst.region, year: worst.year, questions: worst.questions, error: worst.error },
  };
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

const nothingKnown = {
  bound: null,
  coverage: null,
  mean: null,
  realised: null,
  labels: 0,
  labelsNeeded: null,
  window: null,
};

function errorIn(played: Played, rows: readonly number[], window: CertificateState["window"]): number | null {
  const from = Date.parse(window.from);
  // A later window starts at the question that disproved the previous one; that question is not part of it.
  const isIn = (at: number) => (window.number === 1 ? at >= from : at > from);
  const accepted = rows.filter((row) => played.accepted[row] === 1 && isIn(played.at[row] as number));
  const wrong = accepted.filter((row) => !isRightAt(played, row)).length;
  return accepted.length === 0 ? null : wrong / accepted.length;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return null;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
