import { describe, expect, it } from "vitest";
import type { NetworkReport, TrainingReport } from "#origin/report/report.ts";
import { warningsOf } from "#scripts/local/training-notes.ts";

function reportOf(rows: Record<string, number>): TrainingReport {
  const classes = Object.entries(rows).map(([label, n], i) => ({ label, n, recall: i, precision: null }));
  const thin = { name: "thin", averagePrecision: 0.25, balancedAccuracy: 0.5, classes };
  return { networks: [thin as unknown as NetworkReport] } as TrainingReport;
}

describe("warnings of a training", () => {
  const rare = reportOf({ fraud: 2, ok: 98 });
  const share = "98.0% of the rows are 'ok', so an overall error says little.";
  const figures = "thin: PR-AUC 0.2500 for 'fraud', balanced accuracy 50.0%, finds 0.0% of 'fraud', 100.0% of 'ok'";

  it("say where an overall error says little, how to bound that of the rare label, and its figures", () => {
    const next = 'Name the labels whose own risks matter: "risk": {"perClass": ["fraud"]}';
    expect(warningsOf(rare, [])).toEqual([`${share} ${next}`, figures]);
  });

  it("ask for no label where some are named", () => {
    expect(warningsOf(rare, ["fraud"])).toEqual([share, figures]);
  });

  it("are none where no label has more than 90% of the rows", () => {
    expect(warningsOf(reportOf({ fraud: 10, ok: 90 }), [])).toEqual([]);
  });
});
