import { percent } from "#core/format.ts";
import { formatTable } from "../local/output.ts";
import { strategies } from "./compare.ts";
import { describeChoice } from "./describe-choice.ts";
import { numberTable, regionTable } from "./describe-numbers.ts";
import { errorOf } from "./numbers.ts";
import { type HeadName, heads } from "./played.ts";
import type { ReplayReport } from "./report.ts";

/** Describes a report in tables. */
export function describeReport(report: ReplayReport): string {
  if (report.choice) return describeChoice(report, report.choice);
  const { model, from, to, questions, retrains, seconds } = report;
  const title = report.number ? "mean absolute error" : "log-loss";
  const outcome = Object.entries(retrains).map(([status, n]) => `${n} ${status}`);
  return [
    `${model}, ${from === null ? "rows that its networks were not trained on" : `${from} to ${to}`}: ${questions} questions in ${Math.round(seconds)} s; retrains: ${outcome.join(", ")}`,
    ...(report.number ? [numberTable(report)] : []),
    headTable(report),
    ...(from === null ? [] : [`The ${title} by year\n${yearTable(report)}`]),
    `Change of ${title} against the global head, by region\n${gainTable(report)}`,
    ...(report.number ? [`The ladder's answers by region\n${regionTable(report)}`] : []),
    `Answers by rung, with coverage and error of accepted answers (target risk ${percent(report.targetRisk)})\n${liveTable(report)}`,
    `Certificates ${from === null ? "at the end" : "at the end of each year, by region"}\n${certificateTable(report)}`,
    servedTable(report),
    comparisonTable(report),
    ...(report.origin.length > 0 ? [`The origin's trainings\n${originTable(report)}`] : []),
    ...Object.entries(report.leftOut).map(([head, reason]) => `Left out: ${head} (${reason})`),
    "Use --json for the figures of each region and year.",
  ].join("\n\n");
}

function headTable({ heads: measured }: ReplayReport): string {
  const rows = heads.flatMap((head) => {
    const m = measured[head];
    if (!m) return [];
    const coverage = [m.coverage["0.05"] ?? 0, m.coverage["0.10"] ?? 0].map(percent);
    return [[head, m.logLoss.toFixed(4), m.auc?.toFixed(4) ?? null, percent(m.accuracy), ...coverage]];
  });
  return formatTable([["head", "log-loss", "AUC", "accuracy", "coverage at 5% error", "at 10%"], ...rows]);
}

function yearTable(report: ReplayReport): string {
  const shown = heads.filter((head) => report.heads[head]);
  const rows = Object.entries(report.byYear).map(([year, { questions, heads: measured }]) => [
    ...[year, questions],
    ...shown.map((head) => errorOf(measured[head])?.toFixed(4) ?? null),
  ]);
  return formatTable([["year", "questions", ...shown], ...rows]);
}

function originTable({ origin }: ReplayReport): string {
  const rows = origin.map(({ before, version, samples, verdict, seconds }) => [
    ...[before, version, samples?.known ?? null, verdict?.reason ?? null, `${Math.round(seconds)} s`],
  ]);
  return formatTable([["before", "version", "samples", "gate", "time"], ...rows]);
}

function gainTable({ gains }: ReplayReport): string {
  const rows = Object.entries(gains).map(([head, { regions, better, best, worst }]) => [
    ...[head as HeadName, `${better} of ${regions}`],
    ...[best, worst].map(({ region, gain }) => `${region} ${signed(-gain)}`),
  ]);
  return formatTable([["head", "better", "best", "worst"], ...rows]);
}

function liveTable({ byYear, rungs, live, from }: ReplayReport): string {
  const row = (name: string, of: Pick<ReplayReport, "rungs" | "live">) => [
    ...[name, percent(of.rungs.edge), percent(of.rungs.region), percent(of.rungs.origin), percent(of.rungs.human)],
    ...[percent(of.live.coverage), of.live.error === null ? null : percent(of.live.error)],
  ];
  const years = from === null ? [] : Object.entries(byYear).map(([year, summary]) => row(year, summary));
  return formatTable([
    [from === null ? "" : "year", "edge", "semantic cache", "origin", "open", "coverage", "error"],
    ...years,
    row("all", { rungs, live }),
  ]);
}

function certificateTable({ certificates, from }: ReplayReport): string {
  const years = from === null ? [] : Object.entries(certificates.byYear);
  const rows = [...years, ["all", certificates] as const].map(([year, of]) => [
    ...[year, of.valid, of.meanCoverage === null ? null : percent(of.meanCoverage), of.validAbove],
    ...[of.pending, of.void, of.none],
    ...[of.medianLabelsNeeded, of.neverAtThisError],
  ]);
  return formatTable([
    [
      from === null ? "" : "year",
      "valid",
      "mean coverage",
      "valid but above",
      "pending",
      "void",
      "none",
      "labels needed (median)",
      "error above target",
    ],
    ...rows,
  ]);
}

function servedTable({ served, targetRisk, from }: ReplayReport): string {
  const rows = Object.entries(served).map(([scope, of]) => {
    const worst = of.worst ? `${of.worst.region} ${of.worst.year}: ${percent(of.worst.error)}` : null;
    return [
      scope === "region" ? "its region" : "all regions",
      of.stationYears,
      of.questions,
      percent(of.error),
      of.above,
      worst,
    ];
  });
  const each = from === null ? "regions" : "regions and years";
  return [
    `Error of the answers that came with a valid certificate (target risk ${percent(targetRisk)})`,
    formatTable([
      [
        "certificate of",
        each,
        "answers",
        "error",
        `above the target (chance alone: ${percent(served.region.chance)} of them)`,
        "worst",
      ],
      ...rows,
    ]),
  ].join("\n");
}

function comparisonTable({ comparison }: ReplayReport): string {
  if (!comparison) return "No comparison: no question was scored by every head.";
  const { all, atLiveCoverage, questions, liveCoverage } = comparison;
  const rows = strategies.map((name) => [
    name,
    ...[all[name], atLiveCoverage[name]].flatMap(({ accuracy, logLoss, originCalls }) => [
      accuracy === null ? null : percent(accuracy),
      logLoss?.toFixed(4) ?? null,
      originCalls,
    ]),
  ]);
  const at = `at ${percent(liveCoverage)}`;
  const columns = ["accuracy", "log-loss", "origin calls", `accuracy ${at}`, `log-loss ${at}`, `origin calls ${at}`];
  const { saved, accuracy, originAccuracy } = comparison.atOriginAccuracy;
  return [
    `The same ${questions} questions, all answered and at the ladder's coverage`,
    formatTable([["answered by", ...columns], ...rows]),
    `Accuracy of the origin alone: ${percent(originAccuracy)}. With the ${percent(saved)} most confident questions answered ` +
      `at the edge: ${percent(accuracy)}.`,
  ].join("\n");
}

function signed(change: number): string {
  return `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(4)}`;
}
