import type { RegionState } from "#client/index.ts";
import type { CertificateState } from "#core/contract/index.ts";
import type { Played } from "./played.ts";

/** What a region's certificate said at the end of a year, when the first `rows` questions were played and told. */
export interface CertificateLook {
  year: string;
  region: string;
  rows: number;
  state: CertificateState | null;
}

/** A look, and the error that the played questions of its window really had. */
export interface StationYear {
  year: string;
  region: string;
  status: CertificateState["status"] | "none";
  bound: number | null;
  /** The mean error that the region itself counted, and the one that the replay did; null without a question. */
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
  /** Held, and yet the realised error of the window was above the bound: at most the certificates' δ should be. */
  validAbove: number;
  pending: number;
  void: number;
  none: number;
  /** Over those that are not held: the median of the labels that are still needed; null where none says so. */
  medianLabelsNeeded: number | null;
  /** Those that no number of labels would certify at their present error. */
  neverAtThisError: number;
}

/** Looks at the certificates of all regions. */
export function looksOf(states: readonly RegionState[], year: string, rows: number): CertificateLook[] {
  return states.map(({ region, certificate }) => ({ year, region, rows, state: certificate ?? null }));
}

/** Holds each look against what was played. */
export function judgeLooks(played: Played, looks: readonly CertificateLook[]): StationYear[] {
  const byRegion = Map.groupBy(
    Array.from({ length: played.rows }, (_, row) => row),
    (row) => played.region[row],
  );
  return looks.map(({ year, region, rows, state }) => {
    if (!state) return { year, region, status: "none", ...nothingKnown };
    const { status, bound, mean, labels, labelsNeeded, window } = state;
    const known = (byRegion.get(region) ?? []).filter((row) => row < rows);
    const realised = errorIn(played, known, window);
    return { year, region, status, bound, mean, realised, labels, labelsNeeded, window };
  });
}

/** What station-years come to. */
export function summariseLooks(looks: readonly StationYear[]): CertificateSummary {
  const count = (status: StationYear["status"]) => looks.filter((look) => look.status === status).length;
  const isAbove = ({ status, realised, bound }: StationYear) =>
    status === "valid" && realised !== null && bound !== null && realised > bound;
  const waiting = looks.filter(({ status }) => status === "pending" || status === "void");
  const needed = waiting.flatMap(({ labelsNeeded }) => (labelsNeeded === null ? [] : [labelsNeeded]));
  return {
    stationYears: looks.length,
    valid: count("valid"),
    validAbove: looks.filter(isAbove).length,
    pending: count("pending"),
    void: count("void"),
    none: count("none"),
    medianLabelsNeeded: median(needed),
    neverAtThisError: waiting.length - needed.length,
  };
}

const nothingKnown = { bound: null, mean: null, realised: null, labels: 0, labelsNeeded: null, window: null };

function errorIn(played: Played, rows: readonly number[], window: CertificateState["window"]): number | null {
  const from = Date.parse(window.from);
  // A window after the first begins with the proof against the one before: the question that gave it is not in it.
  const isIn = (at: number) => (window.number === 1 ? at >= from : at > from);
  const accepted = rows.filter((row) => played.accepted[row] === 1 && isIn(played.at[row] as number));
  const wrong = accepted.filter((row) => played.prediction[row] !== played.label[row]).length;
  return accepted.length === 0 ? null : wrong / accepted.length;
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) return null;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
