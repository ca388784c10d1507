import type { Command } from "commander";
import type { UpriverClient } from "../../workers/client/index.ts";
import { recipeOf, recipes } from "../../workers/origin/recipes/index.ts";
import { clientFor } from "../local/context.ts";
import { type Progress, percent, print, progressOf, table } from "../local/output.ts";
import { play } from "../replay/play.ts";
import { type HeadName, heads, type Report, type Summary } from "../replay/report.ts";

interface Options {
  from: string;
  to?: string;
  data?: string;
  forget?: boolean;
  json?: boolean;
}

/** `upriver replay`: a recipe's data, through the running ladder, in time order. */
export function replayVerb(program: Command): void {
  program
    .command("replay")
    .description(
      `play a recipe's data through the ladder in time order (${recipes.map(({ name }) => name).join(", ")})`,
    )
    .argument("<recipe>")
    .requiredOption("--from <date>", "the first day to ask about; what is before it is taught")
    .option("--to <date>", "the last day to ask about")
    .option("--data <file>", "read the recipe's data from this file")
    .option("--forget", "first make the regions forget what they learned")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver replay weather --from 2014-01-01 --to 2016-12-31 --json")
    .action(run);
}

async function run(name: string, options: Options, command: Command): Promise<void> {
  const recipe = recipeOf(name);
  const client = await clientFor(command, "admin");
  const from = dateOf("--from", options.from);
  const to = options.to === undefined ? Number.MAX_SAFE_INTEGER : dateOf("--to", options.to) + 24 * 3600_000 - 1;
  await checkFresh(client, name, from, options.forget === true);
  const rows = await recipe.load({ file: options.data });
  let bar: { phase: string; progress: Progress } | null = null;
  const onProgress = (phase: string, done: number, total: number) => {
    if (bar?.phase !== phase) {
      bar?.progress.end();
      bar = { phase, progress: progressOf(phase, total) };
    }
    bar.progress.update(done);
  };
  const report = await play(client, recipe, rows, { from, to, onProgress });
  (bar as { progress: Progress } | null)?.progress.end();
  print(options.json, report, () => describe(report));
}

/** A region that has seen what is still to be asked would answer from memory: that is no measurement. */
async function checkFresh(client: UpriverClient, model: string, from: number, forget: boolean): Promise<void> {
  const regions = await client.regions(model);
  const ahead = regions.filter(({ newestSampleAt, head }) => head !== null || (newestSampleAt ?? 0) >= from);
  if (ahead.length > 0 && !forget) {
    const names = ahead
      .map(({ region }) => region)
      .slice(0, 3)
      .join(", ");
    throw new Error(
      `Error in replay: ${ahead.length} regions (${names} …) have learned already, perhaps from what is to be asked. ` +
        "Give --forget to make the regions forget everything first, or start a fresh ladder.",
    );
  }
  if (forget) for (const { region } of regions) await client.forgetRegion(model, region);
}

function describe(report: Report): string {
  const { model, from, to, questions, retrains, seconds, byYear, byRegion } = report;
  const outcome = Object.entries(retrains).map(([status, n]) => `${n} ${status}`);
  const [worst, best] = extremes(byRegion);
  return [
    `${model}, ${from} to ${to}: ${questions} questions in ${Math.round(seconds)} s; retrains: ${outcome.join(", ")}`,
    headTable(report),
    `answered by ${Object.entries(report.rungs)
      .map(([rung, share]) => `${rung} ${percent(share)}`)
      .join(", ")}`,
    table([["year", "questions", "global", "regional", "full", "edge"], ...Object.entries(byYear).map(lossRow)]),
    `Regional against global log-loss: best in ${best}, worst in ${worst}. --json has all regions.`,
  ].join("\n\n");
}

function headTable({ heads: measured }: Summary): string {
  const rows = heads.flatMap((head) => {
    const m = measured[head];
    if (!m) return [];
    const coverage = [m.coverage["0.05"] ?? 0, m.coverage["0.10"] ?? 0].map(percent);
    return [[head, m.logLoss.toFixed(4), m.auc?.toFixed(4) ?? null, percent(m.accuracy), ...coverage]];
  });
  return table([["head", "log-loss", "AUC", "accuracy", "coverage at 5% error", "at 10%"], ...rows]);
}

function lossRow([key, { questions, heads: measured, rungs }]: [string, Summary]) {
  const loss = (head: HeadName) => measured[head]?.logLoss.toFixed(4) ?? null;
  return [key, questions, loss("global"), loss("regional"), loss("full"), percent(rungs.edge)];
}

function extremes(byRegion: Record<string, Summary>): [string, string] {
  const gains = Object.entries(byRegion)
    .map(([region, { heads: h }]) => ({ region, gain: (h.global?.logLoss ?? 0) - (h.regional?.logLoss ?? 0) }))
    .sort((a, b) => a.gain - b.gain);
  const name = (entry: (typeof gains)[number] | undefined) =>
    entry ? `${entry.region} (${(-entry.gain).toFixed(4)})` : "none";
  return [name(gains[0]), name(gains.at(-1))];
}

function dateOf(option: string, text: string): number {
  const at = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(at))
    throw new Error(`Error in replay: ${option} must be a date such as 2014-01-01, but is '${text}'.`);
  return at;
}
