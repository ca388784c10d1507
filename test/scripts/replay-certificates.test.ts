import { describe, expect, it } from "vitest";
import type { RegionState } from "#client/index.ts";
import type { CertificateState } from "#core/contract/index.ts";
import { judgeLooks, judgeServed, looksOf, summariseLooks } from "#scripts/replay/certificates.ts";
import { playedOf, type Sketch } from "./played.ts";

const right = { truth: "Yes", ladder: 0.9 } as const;
const wrong = { truth: "No", ladder: 0.9 } as const;
const dry = (day: string, sketch: Omit<Sketch, "day">): Sketch => ({ day, region: "dry", ...sketch });

function state(change: Partial<CertificateState>): CertificateState {
  return {
    ...{ status: "valid", targetRisk: 0.3, confidence: 0.95, bound: 0.3, lower: 0, mean: 0.2, coverage: 1, labels: 4 },
    ...{ labelsNeeded: 0, window: { number: 1, from: "2014-01-01", to: "2014-12-31" }, reason: "" },
    ...change,
  };
}

// In 2014 one of four accepted answers is wrong, and one wrong answer is not accepted; in 2015 another wrong one is accepted.
const played = playedOf([
  dry("2014-01-01", right),
  dry("2014-02-01", wrong),
  { ...dry("2014-02-02", wrong), rung: "origin" },
  dry("2014-03-01", { ...right, rung: "region" }),
  dry("2014-04-01", right),
  { day: "2014-05-01", region: "wet", ...wrong },
  dry("2015-01-01", wrong),
]);

describe("certificates at the end of a year", () => {
  const look = (certificate: CertificateState | null, rows = 6, region = "dry") =>
    looksOf([{ region, certificate } as RegionState], "2014", rows);
  const realised = (certificate: CertificateState | null, rows?: number) =>
    judgeLooks(played, look(certificate, rows))[0]?.realised;

  it("are compared with the accepted answers of their window", () => {
    expect(realised(state({}))).toBe(1 / 4);
    expect(realised(state({}), 7)).toBe(2 / 5);
    expect(realised(state({ window: { number: 1, from: "2014-02-01", to: "2014-12-31" } }))).toBe(1 / 3);
    // The question that disproved a window is not part of the next one.
    expect(realised(state({ window: { number: 2, from: "2014-02-01", to: "2014-12-31" } }))).toBe(0);
    expect(realised(state({ window: { number: 1, from: "2016-01-01", to: "2016-01-01" } }))).toBeNull();
    expect(judgeLooks(played, look(null))[0]).toMatchObject({ status: "none", realised: null, window: null });
  });

  it("are counted by status, with wrong bounds and labels still needed", () => {
    const looks = [
      ...look(state({ bound: 0.26 })),
      ...look(state({ bound: 0.24 })),
      ...look(state({ status: "pending", bound: 0.1, labelsNeeded: 100 })),
      ...look(state({ status: "pending", labelsNeeded: 300 })),
      ...look(state({ status: "void", labelsNeeded: null })),
      ...look(null),
    ];
    expect(summariseLooks(judgeLooks(played, looks))).toEqual({
      ...{ stationYears: 6, valid: 2, meanCoverage: 1, validAbove: 1, pending: 2, void: 1, none: 1 },
      ...{ medianLabelsNeeded: 200, neverAtThisError: 1 },
    });
    expect(summariseLooks([])).toMatchObject({ stationYears: 0, valid: 0, medianLabelsNeeded: null });
  });

  it("are held against the errors of the answers that they came with", () => {
    const certified = playedOf(
      Array.from({ length: 40 }, (_, i) => dry("2014-01-01", { ...(i < 20 ? wrong : right), certificate: "dry" })),
    );
    expect(judgeServed(certified, "region", 0.3, () => "2014")).toMatchObject({
      ...{ stationYears: 1, questions: 40, error: 0.5, above: 1 },
      worst: { region: "dry", year: "2014", questions: 40, error: 0.5 },
    });
    // Half of the answers wrong is not surely above 45%.
    expect(judgeServed(certified, "region", 0.45, () => "2014")).toMatchObject({ above: 0, worst: null });
    expect(judgeServed(certified, "group", 0.3, () => "2014")).toMatchObject({ stationYears: 0, error: null });
  });
});
