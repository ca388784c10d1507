import { percent } from "#core/format.ts";
import { formatTable } from "../local/output.ts";
import type { ChoiceReport, ChoiceSummary, Judged } from "./choice.ts";
import type { ReplayReport } from "./report.ts";

/** Describes the answers to restricted questions in tables. */
export function describeChoice(report: ReplayReport, choice: ChoiceReport): string {
  const { model, from, to, questions, rungs, targetRisk, seconds } = report;
  const { all, check, count } = choice;
  const span = from === null ? "rows that its networks were not trained on" : `${from} to ${to}`;
  const { label, score, acceptance } = check.exceptions;
  return [
    `${model}, ${span}: ${questions} questions in ${Math.round(seconds)} s, each with ${count} of the labels as candidates: those ` +
      "that its region had most often before",
    `Answered by edge ${percent(rungs.edge)}, semantic cache ${percent(rungs.region)}, origin ${percent(rungs.origin)}, open ${percent(rungs.human)}`,
    `Accuracy, accepted share and realised error of accepted answers, by region (target risk ${percent(targetRisk)})\n${regionTable(choice)}`,
    `Answers that name a label outside the candidates: ${all.outside} of ${questions}. Certificates that came with an answer: ` +
      `${report.served.region.questions + report.served.group.questions}.`,
    `The questions since the last retrain again, by the same rules\n${checkTable(check, count)}`,
    `One candidate alone: ${label} answers with another label, ${score} with another score than among all labels, ${acceptance} ` +
      "accepted or not against what the rule says of that score.",
    "Use --json for all figures.",
  ].join("\n\n");
}

function regionTable({ all, byRegion }: ChoiceReport): string {
  const row = (name: string, of: ChoiceSummary) => [
    ...[name, of.candidates?.join(", ") ?? "", of.questions, percent(of.stocked), percent(of.accuracy)],
    of.accuracyStocked === null ? null : percent(of.accuracyStocked),
    ...[percent(of.coverage), of.error === null ? null : percent(of.error)],
  ];
  return formatTable([
    ["region", "candidates", "questions", "truth among them", "accuracy", "where it is", "accepted", "error"],
    ...Object.entries(byRegion).map(([region, of]) => row(region, of)),
    row("all", all),
  ]);
}

function checkTable(check: ChoiceReport["check"], count: number): string {
  const row = (name: string, { asked, accepted, error }: Judged) => [
    ...[name, asked, percent(accepted / Math.max(1, asked)), error === null ? null : percent(error)],
  ];
  return formatTable([
    ["", "questions", "accepted", "error"],
    row("all labels, by the edge", check.unrestricted),
    row(`${count} candidates`, check.restricted),
    row(`${count} candidates, if scores were renormalised`, check.renormalised),
    row("one candidate alone: the best label", check.aloneBest),
    row("one candidate alone: another label", check.aloneOther),
  ]);
}
