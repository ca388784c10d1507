import { describe, expect, it } from "vitest";
import type { RegionState } from "#client/index.ts";
import type { CertificateState } from "#core/contract/index.ts";
import { judgeLooks, looksOf, summariseLooks } from "#scripts/replay/certificates.ts";
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

// One wrong of four that passed in 2014, with another wrong one that did not pass; in 2015 one more wrong one passes.
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

  it("are held against what the region's rule let pass in their window, up to the look", () => {
    expect(realised(state({}))).toBe(1 / 4);
    expect(realised(state({}), 7)).toBe(2 / 5);
    expect(realised(state({ window: { number: 1, from: "2014-02-01", to: "2014-12-31" } }))).toBe(1 / 3);
    // The question that proved the window before wrong is not in the one after it.
    expect(realised(state({ window: { number: 2, from: "2014-02-01", to: "2014-12-31" } }))).toBe(0);
    expect(realised(state({ window: { number: 1, from: "2016-01-01", to: "2016-01-01" } }))).toBeNull();
    expect(judgeLooks(played, look(null))[0]).toMatchObject({ status: "none", realised: null, window: null });
  });

  it("are counted: held, of these wrongly, and the labels that the rest still need", () => {
    const looks = [
      ...look(state({ bound: 0.26 })),
      ...look(state({ bound: 0.24 })),
      ...look(state({ status: "pending", bound: 0.1, labelsNeeded: 100 })),
      ...look(state({ status: "pending", labelsNeeded: 300 })),
      ...look(state({ status: "void", labelsNeeded: null })),
      ...look(null),
    ];
    expect(summariseLooks(judgeLooks(played, looks))).toEqual({
      ...{ stationYears: 6, valid: 2, validAbove: 1, pending: 2, void: 1, none: 1 },
      ...{ medianLabelsNeeded: 200, neverAtThisError: 1 },
    });
    expect(summariseLooks([])).toMatchObject({ stationYears: 0, valid: 0, medianLabelsNeeded: null });
  });
});
