import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gradeAnswer } from "#core/confidence/rule.ts";
import { reportOn, type TrainingResult, writeReport } from "#origin/report/index.ts";
import { classMeasures, confusionOf, reliabilityOf, riskCurve } from "#origin/report/measures.ts";

// Four answers of two classes: right at 0.9 and 0.6, wrong at 0.8 and 0.55.
const scores = [
  [0.9, 0.1],
  [0.2, 0.8],
  [0.6, 0.4],
  [0.45, 0.55],
].map((row) => Float64Array.from(row));
const truths = [0, 0, 0, 0];
const graded = (rows: readonly ArrayLike<number>[], labels: readonly number[]) =>
  rows.map((row, i) => gradeAnswer(row, labels[i] as number));

describe("the measures of a report, computed by hand", () => {
  it("count predictions by true class, with recall and precision", () => {
    const confusion = confusionOf(["a", "b"], scores, [0, 0, 0, 1]);
    expect(confusion.counts).toEqual([
      [2, 1],
      [0, 1],
    ]);
    expect(classMeasures(confusion)).toEqual([
      { label: "a", n: 3, recall: 2 / 3, precision: 1 },
      { label: "b", n: 1, recall: 1, precision: 1 / 2 },
    ]);
    expect(classMeasures(confusionOf(["a", "b"], scores.slice(0, 1), [0]))[1]).toMatchObject({ recall: null, n: 0 });
  });

  it("have the expected calibration error; each answer is alone in its bin here", () => {
    const { bins, expectedError } = reliabilityOf(graded(scores, truths));
    expect(bins.map(({ n }) => n)).toEqual([1, 1, 1, 1]);
    expect(expectedError).toBeCloseTo((0.1 + 0.8 + 0.4 + 0.55) / 4, 12);
    const together = [0.91, 0.92, 0.93, 0.92].map((confidence) => [confidence, 1 - confidence]);
    expect(reliabilityOf(graded(together, [0, 0, 0, 1])).expectedError).toBeCloseTo(0.92 - 0.75, 12);
  });

  it("have the risk by coverage", () => {
    expect(riskCurve(graded(scores, truths)).map(({ risk }) => risk)).toEqual([0, 1 / 2, 1 / 3, 2 / 4]);
    expect(riskCurve(graded(scores, truths)).map(({ coverage }) => coverage)).toEqual([0.25, 0.5, 0.75, 1]);
  });
});

describe("a report", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "upriver-report-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const network = (name: string) => ({
    ...{ kind: "network" as const, candidates: [] },
    ...{ name, seconds: 90, bytes: 12_345, scores, optimism: { threshold: 0.8, error: 0.021, logLoss: -0.0012 } },
    history: [
      { epoch: 1, loss: 0.9, validationLoss: 0.8, learningRate: 0.01 },
      { epoch: 2, loss: 0.7, validationLoss: 0.75, learningRate: 0.005 },
    ],
  });
  const result: TrainingResult = {
    ...{ model: "<shop & co>", labels: ["a", "<b>"], backend: "wasm", seed: 7, targetRisk: 0.05, truths, scale: null },
    ...{
      trainedOn: { rows: 9, sources: { base: 7, truth: 2 }, regions: { north: 9 } },
      networks: [network("full"), network("thin")],
    },
    regions: ["north", "north", "south", "south"],
    splits: {
      ...{ groups: 96, calibrationGroups: 40, inGaps: 12, duplicates: 3, uncertifiable: null },
      latest: { blocks: 8, from: "2026-01-01" },
    },
    escalation: { overall: null, regions: {}, isUsed: true, reason: "thin would escalate nothing" },
  };

  it("is one self-contained page with the results, and escapes names", async () => {
    await writeReport(folder, await reportOn(result));
    const html = await readFile(join(folder, "report.html"), "utf8");
    expect(html.match(/<svg/g)).toHaveLength(8);
    expect(html).not.toMatch(/<script|(src|href)="|url\((?!#)|@import/);
    expect(html).toContain("Training of &lt;shop &amp; co&gt;");
    expect(html).not.toContain("<b>");
    for (const text of [
      "96 groups; 40 of them calibrate; the last 8 blocks",
      "+2.1 points of error, −0.0012 log-loss",
      "thin would escalate nothing",
    ])
      expect(html).toContain(text);
    for (const text of ["7 base, 2 truth", "50.0%", "12.3", "1.5 min", "north", "south"]) expect(html).toContain(text);
  });

  it("is also written as JSON, and each chart as SVG", async () => {
    const json = JSON.parse(await readFile(join(folder, "report.json"), "utf8"));
    expect(json).toMatchObject({
      model: "<shop & co>",
      heldOut: 4,
      networks: [{ name: "full", metrics: { accuracy: 0.5 } }, {}],
    });
    expect(json.networks[0].byRegion).toMatchObject({ north: { n: 2 }, south: { n: 2 } });
    const charts = (await readdir(folder)).filter((file) => file.endsWith(".svg")).sort();
    expect(charts).toHaveLength(8);
    expect(await readFile(join(folder, charts[0] as string), "utf8")).toMatch(/^<svg/);
  });
});
