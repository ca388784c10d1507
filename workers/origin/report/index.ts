import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingVerdict } from "../learn/compare.ts";
import { page } from "./page.ts";
import type { TrainingReport } from "./report.ts";

export { reportOn, type TrainingReport, type TrainingResult } from "./report.ts";

/** Writes a report into a folder: `report.html`, which is self-contained, `report.json`, and each chart as SVG. */
export async function writeReport(folder: string, report: TrainingReport, verdict: TrainingVerdict | null = null) {
  await mkdir(folder, { recursive: true });
  const plain = report.networks.map(({ charts: _, ...rest }) => rest);
  await writeFile(join(folder, "report.json"), JSON.stringify({ ...report, networks: plain, verdict }, null, 2));
  await writeFile(join(folder, "report.html"), page(report, verdict));
  for (const { name, charts } of report.networks) {
    for (const [chart, svg] of Object.entries(charts)) await writeFile(join(folder, `${name}-${chart}.svg`), svg);
  }
}
