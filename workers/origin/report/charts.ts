import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { EpochRecord } from "../train/checkpoint.ts";
import type { Confusion, ReliabilityCurve, RiskPoint } from "./measures.ts";

/** Colours that are legible on light and dark backgrounds; lines and text use the page's own colour. */
const accent = "#2f7ed8";
const second = "#d9822b";
const ink = "currentColor";
/** Cells above this share are dark enough for white text. */
const whiteFrom = 0.6;

const config: TopLevelSpec["config"] = {
  background: "transparent",
  font: "system-ui, sans-serif",
  axis: { labelColor: ink, titleColor: ink, gridColor: ink, gridOpacity: 0.2, domainColor: ink, tickColor: ink },
  legend: { labelColor: ink, titleColor: ink },
  text: { color: ink },
  view: { stroke: null },
};
const size = { width: 420, height: 240 };

/** Renders a chart as SVG. */
async function draw(spec: Partial<TopLevelSpec>): Promise<string> {
  const whole = { config, ...size, ...spec } as TopLevelSpec;
  return new View(parse(compile(whole).spec), { renderer: "none" }).toSVG();
}

/** Draws training and validation loss by epoch. */
export function lossChart(history: readonly EpochRecord[]): Promise<string> {
  const values = history.flatMap(({ epoch, loss, validationLoss }) => [
    { epoch, loss, split: "train" },
    { epoch, loss: validationLoss, split: "validation" },
  ]);
  return draw({
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "epoch", type: "quantitative", axis: { tickMinStep: 1, format: "d" } },
      y: { field: "loss", type: "quantitative", scale: { zero: false } },
      color: { field: "split", type: "nominal", title: null, scale: { range: [accent, second] } },
    },
  });
}

/** Draws the confusion matrix: the predictions for each true class, as shares of that class. */
export function confusionChart({ labels, counts }: Confusion): Promise<string> {
  const values = counts.flatMap((row, truth) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, prediction) => ({
      ...{ truth: labels[truth], prediction: labels[prediction], share: total === 0 ? 0 : count / total },
    }));
  });
  const side = Math.max(160, Math.min(420, labels.length * 42));
  return draw({
    data: { values },
    width: side,
    height: side,
    encoding: {
      x: {
        field: "prediction",
        type: "nominal",
        title: "predicted class",
        sort: labels,
        axis: { labelAngle: -40, grid: false },
      },
      y: { field: "truth", type: "nominal", title: "true class", sort: labels, axis: { grid: false } },
    },
    layer: [
      {
        mark: "rect",
        encoding: {
          color: {
            ...{ field: "share", type: "quantitative", title: "share of true class", legend: { format: "%" } },
            scale: { range: ["#2f7ed800", accent], domain: [0, 1] },
          },
        },
      },
      {
        mark: { type: "text", fontSize: 10 },
        encoding: {
          text: { field: "share", type: "quantitative", format: ".0%" },
          color: { condition: { test: `datum.share > ${whiteFrom}`, value: "#ffffff" }, value: ink },
        },
      },
    ],
  } as Partial<TopLevelSpec>);
}

/** Draws the reliability diagram: accuracy by confidence, on the diagonal for a calibrated network. */
export function calibrationChart({ bins }: ReliabilityCurve): Promise<string> {
  const diagonal = [
    { confidence: 0, accuracy: 0 },
    { confidence: 1, accuracy: 1 },
  ];
  const encoding = {
    x: { field: "confidence", type: "quantitative", axis: { format: "%" }, scale: { domain: [0, 1] } },
    y: { field: "accuracy", type: "quantitative", axis: { format: "%" }, scale: { domain: [0, 1] } },
  };
  return draw({
    layer: [
      { data: { values: diagonal }, mark: { type: "line", strokeDash: [4, 4], color: ink }, encoding },
      {
        data: { values: bins },
        mark: { type: "point", filled: true, color: accent, opacity: 0.9 },
        encoding: { ...encoding, size: { field: "n", type: "quantitative", title: "rows" } },
      },
    ],
  } as Partial<TopLevelSpec>);
}

/** Draws risk by coverage: the error rate among the most confident share of answers, and the target risk. */
export function riskChart(points: readonly RiskPoint[], targetRisk: number): Promise<string> {
  return draw({
    layer: [
      {
        data: { values: [...points] },
        mark: { type: "line", color: accent },
        encoding: {
          x: { field: "coverage", type: "quantitative", axis: { format: "%" }, title: "coverage" },
          y: { field: "risk", type: "quantitative", axis: { format: "%" }, title: "risk" },
        },
      },
      {
        data: { values: [{ risk: targetRisk }] },
        mark: { type: "rule", color: second, strokeDash: [4, 4] },
        encoding: { y: { field: "risk", type: "quantitative" } },
      },
    ],
  } as Partial<TopLevelSpec>);
}

/** A thin candidate in the plot of a search. */
export interface FrontierPoint {
  name: string;
  bytes: number;
  accuracy: number;
  isOnFrontier: boolean;
  isChosen: boolean;
}

/** Draws accuracy by bytes: all candidates, the Pareto frontier as a line, and the budget. */
export function frontierChart(points: readonly FrontierPoint[], budgetBytes: number | null): Promise<string> {
  const values = points.map((point) => ({ ...point, kilobytes: point.bytes / 1000 }));
  const x = { field: "kilobytes", type: "quantitative", title: "kB transferred", scale: { zero: false } };
  const y = { field: "accuracy", type: "quantitative", axis: { format: ".1%" }, scale: { zero: false } };
  const budget = {
    data: { values: [{ kilobytes: (budgetBytes ?? 0) / 1000 }] },
    mark: { type: "rule", color: second, strokeDash: [4, 4] },
    encoding: { x: { field: "kilobytes", type: "quantitative" } },
  };
  return draw({
    ...{ width: 560, height: 340 },
    layer: [
      ...(budgetBytes === null ? [] : [budget]),
      {
        data: { values: values.filter(({ isOnFrontier }) => isOnFrontier) },
        mark: { type: "line", color: accent },
        encoding: { x, y },
      },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 60 },
        encoding: {
          ...{ x, y },
          color: {
            ...{ field: "isChosen", type: "nominal", legend: null },
            scale: { domain: [false, true], range: [accent, second] },
          },
        },
      },
      {
        data: { values: values.filter(({ isOnFrontier }) => isOnFrontier) },
        mark: { type: "text", align: "left", dx: 6, dy: 9, fontSize: 10 },
        encoding: { ...{ x, y }, text: { field: "name" } },
      },
    ],
  } as Partial<TopLevelSpec>);
}

/** A plot of lines by the names of their fields. */
export interface Plot {
  x: string;
  y: string;
  /** The field that tells the lines apart; one line without it. */
  series?: string;
  rows: readonly Record<string, string | number>[];
  logX?: boolean;
  logY?: boolean;
  /** A value that is marked by a line across. */
  limit?: number;
}

/** Draws lines. */
export function plot({ x, y, series, rows, logX, logY, limit }: Plot): Promise<string> {
  const scale = (isLog: boolean | undefined) => (isLog ? { scale: { type: "log" } } : {});
  const ofY = { field: y, type: "quantitative", ...scale(logY) };
  return draw({
    ...{ width: 560, height: 340 },
    layer: [
      ...(limit === undefined
        ? []
        : [
            {
              data: { values: [{ [y]: limit }] },
              mark: { type: "rule", color: second, strokeDash: [4, 4] },
              encoding: { y: ofY },
            },
          ]),
      {
        data: { values: [...rows] },
        mark: { type: "line", ...(series ? {} : { color: accent }) },
        encoding: {
          ...{ x: { field: x, type: "quantitative", ...scale(logX) }, y: ofY },
          ...(series ? { color: { field: series, type: "nominal", title: null } } : {}),
        },
      },
    ],
  } as Partial<TopLevelSpec>);
}
