import { join } from "node:path";
import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import { count } from "#core/format.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import type { KnownBins } from "#origin/train/numbers.ts";
import { clientFor } from "../local/context.ts";
import { type Progress, printResult, showProgress } from "../local/output.ts";
import { projectFolder } from "../local/project.ts";
import { recipeFor } from "../local/recipe.ts";
import { dayParser, numberParser, UsageError } from "../local/usage.ts";
import { dayMs } from "../replay/days.ts";
import { describeReport } from "../replay/describe.ts";
import { play } from "../replay/play.ts";
import { startRetrained } from "../replay/retrained-thread.ts";
import { ReplayFile } from "../replay/saves.ts";
import { spreadRows } from "../replay/untimed.ts";

interface Options {
  from?: string;
  to?: string;
  data?: string;
  forget?: boolean;
  teachFrom?: string;
  learnAbove?: boolean;
  candidates?: number;
  controls: boolean;
  json?: boolean;
}

const control = "training the controls";

/** `upriver replay`: replays a recipe's data through the running ladder in time order. */
export function replayVerb(program: Command): void {
  program
    .command("replay")
    .description("replay a recipe's data through the running ladder in time order")
    .argument("<recipe>", "a recipe that the ladder serves")
    .option(
      "--from <date>",
      "first day to ask about; earlier data is taught (default: the recipe's trainBefore, else the last 40% of the rows)",
      dayParser("--from"),
    )
    .option("--to <date>", "last day to ask about (default: the last in the data)", dayParser("--to"))
    .option("--data <file>", "file of the recipe's data")
    .option(
      "--teach-from <date>",
      "first day of the data that is taught (default: the first)",
      dayParser("--teach-from"),
    )
    .option(
      "--learn-above",
      "train at the origin on the regions' samples at the start of each year, and serve a better version",
    )
    .option(
      "--candidates <n>",
      "answer each question with one of the n labels that its region had most often before, and show what is accepted then",
      numberParser("--candidates", { atLeast: 1, isWhole: true }),
    )
    .option("--forget", "delete what the regions have learned, and start over")
    .option("--no-controls", "leave out the large model retrained every year, which takes minutes")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver replay weather --from 2014-01-01 --to 2016-12-31 --json\n  npx upriver replay storefront --candidates 3",
    )
    .action(run);
}

async function run(given: string, options: Options, command: Command): Promise<void> {
  const recipe = await recipeFor(given, options.data);
  const { name, labels } = recipe;
  const { candidates } = options;
  if (candidates !== undefined && recipe.numbers) {
    throw new UsageError(`--candidates chooses labels, and '${name}' predicts numbers. Leave it out.`);
  }
  if (candidates !== undefined && candidates >= labels.length) {
    throw new UsageError(`--candidates must be below ${labels.length}, the number of labels; received ${candidates}.`);
  }
  const client = await clientFor(command, "admin");
  const loaded = await recipe.load({ file: options.data });
  const { rows, from } = recipe.isTimed
    ? { rows: loaded, from: startOf(recipe, loaded, options.from) }
    : spreadRows(recipe, loaded);
  const to = options.to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(options.to) + dayMs - 1;
  const { versions } = await client.versions(name);
  const path = join(projectFolder(), ".upriver", "replays", name);
  const replay = {
    // A replay may publish versions itself: its ladder is known by the first.
    since: versions.at(-1)?.createdAt,
    from,
    to: options.to ?? null,
    rows: rows.length,
    learn: options.learnAbove,
    ...{ data: options.data ?? null, candidates },
    teachFrom: options.teachFrom ?? null,
  };
  const saves = new ReplayFile(path, replay);
  if (options.forget) saves.clear();
  if (saves.isThere) console.error("Going on with the replay that was interrupted; --forget starts over.");
  else await checkFresh(client, name, from, options.forget === true);
  announce(rows, from, to);
  const { show, note, end } = showPhases();
  const order = { recipe: given, folder: process.cwd(), file: options.data, from, to };
  const report = await play(client, recipe, rows, {
    ...{ from, to, onProgress: show, learnsAbove: options.learnAbove === true, saves, candidates },
    ...(options.teachFrom === undefined ? {} : { teachFrom: Date.parse(options.teachFrom) }),
    ...(options.controls && recipe.isTimed && candidates === undefined
      ? {
          startRetrained: ({ labels, number }: KnownBins) =>
            startRetrained({ ...order, bins: { labels, number } }, note),
        }
      : {}),
  });
  end();
  saves.clear();
  printResult(options.json, report, () => describeReport(report));
}

const askedShare = 0.4;
/** What a question and a truth take on one core, for the estimate; the progress shows the real pace. */
const secondsPerQuestion = 0.004;
const secondsPerTruth = 0.001;

/** The first day to ask about: that which is given, the recipe's, or that of the last 40% of the rows. */
function startOf({ trainBefore }: Recipe, rows: readonly Row[], given: string | undefined): number {
  const day = given ?? trainBefore;
  if (day !== null) return Date.parse(day);
  const at = rows[Math.floor((1 - askedShare) * rows.length)]?.at ?? 0;
  return Math.floor(at / dayMs) * dayMs;
}

function announce(rows: readonly Row[], from: number, to: number): void {
  const asked = rows.filter(({ at }) => at >= from && at <= to).length;
  const taught = rows.filter(({ at }) => at < from).length;
  const minutes = (asked * secondsPerQuestion + (asked + taught) * secondsPerTruth) / 60;
  console.error(
    `${count(taught)} rows are taught, then ${count(asked)} are asked: about ${Math.max(1, Math.ceil(minutes))} min, and the retrains.`,
  );
}

/** Shows one bar per phase, with a note on the controls; after the replay the controls have the bar. */
function showPhases() {
  let bar: { phase: string; done: number; progress: Progress } | null = null;
  let aside = "";
  let isPlayed = false;
  const show = (phase: string, done: number, total: number) => {
    if (bar?.phase !== phase) {
      bar?.progress.end();
      bar = { phase, done, progress: showProgress(phase, total) };
    }
    bar.done = done;
    bar.progress.update(done, aside);
    isPlayed = phase === "playing" && done === total;
  };
  const note = (text: string, done: number, total: number) => {
    aside = text;
    if (isPlayed || bar?.phase === control) show(control, done, total);
    else bar?.progress.update(bar.done, aside);
  };
  return { show, note, end: () => bar?.progress.end() };
}

/** Refuses regions that have seen the questions: their answers would not measure anything. */
async function checkFresh(client: UpriverClient, model: string, from: number, forget: boolean): Promise<void> {
  const regions = await client.regions(model, { fresh: true });
  const ahead = regions.filter(({ newestSampleAt, head }) => head !== null || (newestSampleAt ?? 0) >= from);
  if (ahead.length > 0 && !forget) {
    const names = ahead
      .map(({ region }) => region)
      .slice(0, 3)
      .join(", ");
    throw new Error(
      `Regions have already learned, perhaps from the questions of this replay (${ahead.length}: ${names}). ` +
        "Add --forget to delete what they have learned, or start a new ladder.",
    );
  }
  if (forget) for (const { region } of regions) await client.forgetRegion(model, region);
}
