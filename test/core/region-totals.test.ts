import { expect, it } from "vitest";
import { noCounts } from "#core/counts.ts";
import { addTotals, noTotals, type ReportedRegion, totalsOf } from "#core/region-totals.ts";

function region(base: number, questions: number, isDrifting: boolean): ReportedRegion {
  const counts = { ...noCounts(), questions, unlisted: 2 };
  return {
    base,
    activity: { versions: [{ base, counts }], open: 3, breaker: "open" },
    state: {
      ...{ headManifest: null, archived: 5, certificate: null, escalation: null },
      samples: { train: 1, validation: 2, calibration: 3 },
      drift: { alarm: isDrifting },
    },
  };
}

it("are sums, and a region that is taken away leaves nothing", () => {
  const sum = noTotals();
  const [one, other] = [region(1, 10, true), region(2, 7, false)];
  for (const reported of [one, other]) addTotals(sum, totalsOf(reported));
  expect(sum).toMatchObject({ regions: 2, bases: { 1: 1, 2: 1 }, open: 6, breakersOpen: 2, drift: 1, heads: 0 });
  expect(sum.samples).toEqual({ train: 2, validation: 4, calibration: 6, archived: 10 });
  expect([sum.counts[1]?.questions, sum.counts[2]?.questions, sum.counts[2]?.unlisted]).toEqual([10, 7, 2]);
  expect(one.activity.versions[0]?.counts.questions).toBe(10);
  addTotals(sum, totalsOf(one), -1);
  addTotals(sum, totalsOf(other), -1);
  const { counts, bases, ...rest } = sum;
  const { counts: _, bases: __, ...none } = noTotals();
  expect(rest).toEqual(none);
  expect([counts[1]?.questions, counts[1]?.rungs, bases[1]]).toEqual([0, noCounts().rungs, 0]);
});

it("count a region without a state by its activity", () => {
  const totals = totalsOf({ ...region(1, 4, true), state: null });
  expect(totals).toMatchObject({ regions: 1, open: 3, drift: 0, samples: noTotals().samples });
});
