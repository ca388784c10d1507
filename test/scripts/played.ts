import type { Answer, RungName } from "#core/contract/index.ts";
import { emptyPlayed, type HeadName, type Played, record } from "#scripts/replay/played.ts";

/** A question in short form: numbers are probabilities of "Yes". */
export interface Sketch {
  day: string;
  region?: string;
  truth: "No" | "Yes";
  rung?: RungName;
  accepted?: boolean;
  open?: boolean;
  /** The ladder's score. */
  ladder: number;
  /** The score of each head. */
  heads?: Partial<Record<HeadName, number>>;
  /** The scope of the answer's certificate; none unless given. */
  certificate?: string;
}

const labels = ["No", "Yes"];
const window = { from: "2014-01-01", to: "2014-12-31" };
const certificate = {
  targetRisk: 0.3,
  confidence: 0.95,
  bound: 0.3,
  coverage: 1,
  labels: 9,
  source: "truth",
  window,
} as const;
const both = (yes: number) => [1 - yes, yes];

/** Records sketches as an edge would have answered them. */
export function playedOf(sketches: readonly Sketch[]): Played {
  const played = emptyPlayed(sketches.length, 2);
  for (const [row, { day, region = "dry", truth, ladder, heads = {}, ...of }] of sketches.entries()) {
    const { rung = "edge", accepted = true, open = false, certificate: scope } = of;
    const trace = Object.entries(heads).map(([head, yes]) => ({ head, version: "1", scores: both(yes) }));
    const answer: Answer = {
      ...{ id: `weather~${region}~${row}`, model: "weather", region, version: "1" },
      certificate: scope === undefined ? null : { ...certificate, scope },
      ...{ status: open ? "open" : "answered", rung, accepted, trace },
      ...{ label: labels[ladder > 0.5 ? 1 : 0] as string, confidence: Math.max(ladder, 1 - ladder) },
      scores: { No: 1 - ladder, Yes: ladder },
    };
    record(played, row, { region, instance: {}, label: truth, at: Date.parse(day) }, answer, labels);
  }
  return played;
}
