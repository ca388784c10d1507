import { html, raw } from "hono/html";
import { count, withinText } from "#core/format.ts";
import { own } from "#core/own.ts";
import type { TrainingVerdict } from "../learn/compare.ts";
import { describeCandidates, describeOptimism, describeOwnThin, describeScale, describeSplits } from "./describe.ts";
import type { NetworkReport, TrainingReport } from "./report.ts";

type Cell = string | number | null;

const percent = (share: number | null | undefined) => (share == null ? "–" : `${(100 * share).toFixed(1)}%`);
const decimals = (value: number | null | undefined) => (value == null ? "–" : value.toFixed(3));

const factOf = (name: string, text: string | null): [string, Cell][] => (text === null ? [] : [[name, text]]);

/** Renders a training report as one self-contained page. */
export function page(report: TrainingReport, verdict: TrainingVerdict | null): string {
  const { model, networks, number, trainedOn, backend, seed, heldOut, splits, scale, escalation, thins = [] } = report;
  const unit = number?.unit === undefined ? "" : `, ${number.unit}`;
  const facts: [string, Cell][] = [
    ["Trained on", `${count(trainedOn.rows)} rows: ${listOf(trainedOn.sources)}`],
    ["Held out", `${count(heldOut)} rows of the calibration split, which no network was trained on`],
    ["Splits", describeSplits(splits)],
    ...factOf("Numbers", describeScale(scale)),
    ...networks.flatMap((network) => factOf(`Choice of ${network.name}`, describeCandidates(network))),
    ...thins.map((own): [string, Cell] => [`Thin of kind ${own.kind}`, describeOwnThin(own)]),
    ["Escalation", escalation.reason],
    ["Backend", backend],
    ["Seed", seed],
    ...(verdict ? [["Gate", `${verdict.promoted ? "passed" : "failed"}: ${verdict.reason}`] as [string, Cell]] : []),
  ];
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Training of ${model}</title>
<style>${raw(style)}</style>
</head>
<body>
<main>
<h1>Training of ${model}</h1>
<dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${table(
  "Results on held-out rows",
  [
    "network",
    number ? withinText(number) : "accuracy",
    "log-loss",
    ...(number ? [`MAE${unit}`, `RMSE${unit}`] : ["AUC", "PR-AUC (rarer label)", "balanced accuracy"]),
    "optimism",
    "calibration error (ECE)",
    "coverage at 5% risk",
    "size, kB",
    "training time",
  ],
  networks.map(({ name, metrics, calibration, bytes, seconds, averagePrecision, balancedAccuracy, optimism }) => [
    ...[name, percent(metrics.accuracy), decimals(metrics.logLoss)],
    ...(metrics.number
      ? [decimals(metrics.number.mae), decimals(metrics.number.rmse)]
      : [decimals(metrics.auc), decimals(averagePrecision), percent(balancedAccuracy)]),
    describeOptimism(optimism),
    ...[percent(calibration.expectedError), percent(metrics.coverage["0.05"]), (bytes / 1000).toFixed(1)],
    seconds < 60 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`,
  ]),
)}
${networks.map(section)}
${regionTable(report)}
</main>
</body>
</html>`);
}

const titles: Record<string, string> = {
  loss: "Loss by epoch",
  confusion: "Confusion matrix",
  calibration: "Reliability diagram",
  risk: "Risk by coverage",
};

function section({ name, charts, classes }: NetworkReport) {
  const drawn = Object.entries(charts).map(
    ([chart, svg]) => html`<figure><figcaption>${titles[chart] ?? chart}</figcaption>${raw(svg)}</figure>`,
  );
  const rows = classes.map(({ label, n, recall, precision }) => [label, n, percent(recall), percent(precision)]);
  return html`<section>
<h2>${name}</h2>
<div class="charts">${drawn}</div>
${rows.length > 0 ? table(`Classes of ${name}`, ["class", "rows", "recall", "precision"], rows) : ""}
</section>`;
}

function regionTable({ networks, trainedOn }: TrainingReport) {
  const regions = Object.keys(networks[0]?.byRegion ?? {});
  const columns = [
    "region",
    "training rows",
    "held-out rows",
    ...networks.map(({ name }) => `${name}: accuracy, log-loss`),
  ];
  const rows = regions.map((region) => [
    ...[region, own(trainedOn.regions, region) ?? 0, networks[0]?.byRegion[region]?.n ?? 0],
    ...networks.map(({ byRegion }) => `${percent(byRegion[region]?.accuracy)}, ${decimals(byRegion[region]?.logLoss)}`),
  ]);
  return table("Regions", columns, rows);
}

function table(caption: string, columns: readonly string[], rows: readonly (readonly Cell[])[]) {
  return html`<div class="scroll"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...rest]) =>
      html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell ?? "–"}</td>`)}</tr>`,
  )}</tbody>
</table></div>`;
}

function listOf(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, n]) => `${count(n)} ${name}`)
    .join(", ");
}

const style = `
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
dl { display: grid; gap: .25rem; margin: 0 0 1.5rem; }
dl div { display: grid; grid-template-columns: 8.5rem 1fr; gap: 0 .5rem; }
dt { opacity: .7; }
dd { margin: 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
figure svg { max-width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; margin-bottom: .25rem; }
th, td { text-align: right; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: left; font-weight: 400; }
thead th { opacity: .7; font-weight: 400; white-space: normal; vertical-align: bottom; }
`;
