import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { learningParts } from "#core/contract/index.ts";
import type { ColumnPlan, InputPlan, LoadOptions, Recipe, Row } from "./recipe.ts";
import { sharedFolder } from "./shared-folder.ts";

const numbers = [
  ...["MinTemp", "MaxTemp", "Rainfall", "Evaporation", "Sunshine", "WindGustSpeed", "WindSpeed9am", "WindSpeed3pm"],
  ...["Humidity9am", "Humidity3pm", "Pressure9am", "Pressure3pm", "Cloud9am", "Cloud3pm", "Temp9am", "Temp3pm"],
];
const winds = ["WindGustDir", "WindDir9am", "WindDir3pm"];
const compass = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];
const compassVectors = compass.map((_, i) => {
  const angle = (2 * Math.PI * i) / compass.length;
  return [Math.sin(angle), Math.cos(angle)];
});
/** The share of rainy days, which replaces a missing RainToday. */
const rainTodayMissing = 0.22;

const columns: ColumnPlan[] = [
  ...numbers.map((name): ColumnPlan => ({ type: "number", name })),
  ...winds.map((name): ColumnPlan => ({ type: "category", name, values: compass, vectors: compassVectors })),
  { type: "cycle", name: "DayOfYear", period: 365.25 },
  { type: "category", name: "RainToday", values: ["No", "Yes"], vectors: [[0], [1]], missing: [rainTodayMissing] },
];

const dayMs = 24 * 3600_000;
const stations = [
  ...["Adelaide", "Albany", "Albury", "AliceSprings", "BadgerysCreek", "Ballarat", "Bendigo", "Brisbane", "Cairns"],
  ...["Canberra", "Cobar", "CoffsHarbour", "Dartmoor", "Darwin", "GoldCoast", "Hobart", "Katherine", "Launceston"],
  ...["Melbourne", "MelbourneAirport", "Mildura", "Moree", "MountGambier", "MountGinini", "Newcastle", "Nhil"],
  ...["NorahHead", "NorfolkIsland", "Nuriootpa", "PearceRAAF", "Penrith", "Perth", "PerthAirport", "Portland"],
  ...["Richmond", "Sale", "SalmonGums", "Sydney", "SydneyAirport", "Townsville", "Tuggeranong", "Uluru", "WaggaWagga"],
  ...["Walpole", "Watsonia", "Williamtown", "Witchcliffe", "Wollongong", "Woomera"],
];

const input: InputPlan = { kind: "features", columns: [...columns, { type: "region", values: stations }] };

/** Rain tomorrow, from daily observations of Australian weather stations; the region is the station. */
export const weather: Recipe = {
  name: "weather",
  summary: "whether it rains tomorrow, at 49 Australian weather stations",
  task: "classify",
  labels: ["No", "Yes"],
  load: loadWeather,
  trainBefore: "2014-01-01",
  policy: {
    ladder: ["edge", "region", "origin"],
    regions: { from: "field", name: "Location", keys: stations, parent: "Australia" },
    keep: "all",
    auditShare: 0,
    truth: "complete",
    uncertified: "answer",
    groupBy: { by: "time", days: 14 },
    originLabelWeight: 0,
    keepInputs: true,
    samplesMax: 20_000,
    learning: [...learningParts],
    retrainEverySeconds: 182 * 24 * 3600,
    retrainAfterSeconds: null,
    retrainMinLabels: 30,
    originEverySeconds: 365 * 24 * 3600,
  },
  thin: {
    input,
    layers: [
      { type: "dense", units: 64 },
      { type: "dense", units: 32 },
    ],
    training: { l2: 0.0002, regionalHeads: { share: 0.5, l2: 0.003 } },
  },
  full: {
    input,
    layers: [
      { type: "dense", units: 256 },
      { type: "dense", units: 128 },
      { type: "dense", units: 64 },
    ],
    training: { epochs: 15, learningRate: 0.001, l2: 0.0005 },
  },
  canary: { share: 0.1 },
  budget: { bytes: null, ms: null, accuracy: null },
  targetRisk: 0.1,
  delta: 0.05,
  training: {
    epochs: 20,
    patience: 5,
    batchSize: 256,
    learningRate: 0.002,
    seed: 7,
    distil: 0.8,
    distilTemperature: 1,
    l2: 0,
    regionDropout: 0.05,
    augment: null,
    regionalHeads: null,
  },
};

async function loadWeather({ file }: LoadOptions): Promise<Row[]> {
  const path = file ?? join(sharedFolder(), "data/weather-aus/weather-aus.csv.gz");
  if (!existsSync(path)) {
    throw new Error(
      `There is no data at ${path}. Pass a CSV file in the format of rattle's weatherAUS, gzipped or not, with --data ` +
        "FILE, or set UPRIVER_SHARED to the folder that holds data/weather-aus.",
    );
  }
  const bytes = await readFile(path);
  const text = path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  const records = parse(text, { columns: true, skip_empty_lines: true }) as Record<string, string>[];
  const rows = records.filter(({ RainTomorrow }) => RainTomorrow === "Yes" || RainTomorrow === "No").map(rowOf);
  return rows.sort((a, b) => a.at - b.at || a.region.localeCompare(b.region));
}

function rowOf(record: Record<string, string>): Row {
  const at = Date.parse(`${record.Date}T00:00:00Z`);
  const instance: Record<string, number | string | null> = { Location: record.Location as string };
  for (const name of numbers) instance[name] = numberOf(record[name]);
  for (const name of [...winds, "RainToday"]) instance[name] = textOf(record[name]);
  instance.DayOfYear = Math.floor((at - Date.UTC(new Date(at).getUTCFullYear(), 0, 1)) / dayMs) + 1;
  return { region: record.Location as string, instance, label: record.RainTomorrow as string, at };
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || text === "" || text === "NA" ? null : Number(text);
}

function textOf(text: string | undefined): string | null {
  return text === undefined || text === "" || text === "NA" ? null : text;
}
