import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { root } from "#scripts/local/process.ts";
import { metricLabels } from "../helpers/metric-names.ts";

interface Panel {
  id: number;
  type: string;
  title: string;
  fieldConfig: { defaults: { unit: string } };
  targets: { expr: string; refId: string; datasource: { type: string; uid: string } }[];
}

let dashboard: {
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: unknown; definition?: string }[] };
  panels: Panel[];
};
let panels: Panel[];

beforeAll(async () => {
  dashboard = JSON.parse(await readFile(join(root, "workers/edge/metrics/grafana.json"), "utf8"));
  panels = dashboard.panels.filter(({ type }) => type !== "row");
});

it("the dashboard has variables for data source and model", () => {
  expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(39);
  const [datasource, model] = dashboard.templating.list;
  expect(datasource).toMatchObject({ name: "datasource", type: "datasource", query: "prometheus" });
  expect(model).toMatchObject({ name: "model", type: "query" });
  expect(namesIn(model?.definition ?? "").filter((name) => !(name in metricLabels))).toEqual([]);
});

it("every panel has a title, a unit and the variable data source", () => {
  expect(panels.length).toBeGreaterThan(15);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  for (const { title, fieldConfig, targets } of panels) {
    expect(title).not.toBe("");
    expect(fieldConfig.defaults.unit, title).toMatch(/^[a-zA-Z]+$/);
    expect(targets.length, title).toBeGreaterThan(0);
    const variable = { type: "prometheus", uid: expect.stringMatching(/^\$\{datasource\}$/) };
    for (const { datasource } of targets) expect(datasource).toEqual(variable);
  }
});

it("queries name only metrics and labels that the edge serves", () => {
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const names = namesIn(expr);
      expect(names.length, title).toBeGreaterThan(0);
      const known = names.flatMap((name) => {
        expect(Object.keys(metricLabels), title).toContain(name);
        return metricLabels[name] ?? [];
      });
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(", "));
      const matched = [...expr.matchAll(/(\w+)=~?"/g)].map(([, label]) => label as string);
      expect(
        [...grouped, ...matched].filter((label) => !known.includes(label)),
        `${title}: ${expr}`,
      ).toEqual([]);
    }
  }
});

it("shows every metric that the edge serves, except a histogram's sum and count", () => {
  const shown = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr))));
  const besides = ["upriver_answer_seconds_sum", "upriver_answer_seconds_count"];
  expect(Object.keys(metricLabels).filter((name) => !shown.has(name) && !besides.includes(name))).toEqual([]);
});

function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\bupriver_\w+/g)].map(([name]) => name);
}
