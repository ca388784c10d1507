import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import { recipeOf, recipes } from "#origin/recipes/index.ts";
import { clientFor } from "../local/context.ts";
import { type Progress, printResult, progressOf } from "../local/output.ts";
import { dayMs } from "../replay/days.ts";
import { describe } from "../replay/describe.ts";
import { play } from "../replay/play.ts";
import { startRetrained } from "../replay/retrained-thread.ts";

interface Options {
  from: string;
  to?: string;
  data?: string;
  forget?: boolean;
  teachFrom?: string;
  learnAbove?: boolean;
  controls: boolean;
  json?: boolean;
}

const control = "working out the controls";

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
    .option("--teach-from <date>", "teach only what is from this day on of what is before --from")
    .option("--learn-above", "the origin learns from the regions at every turn of a year, and pushes what is better")
    .option("--forget", "first make the regions forget what they learned")
    .option("--no-controls", "without the large model retrained every year, which takes minutes beside the play")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver replay weather --from 2014-01-01 --to 2016-12-31 --json")
    .action(run);
}

async function run(name: string, options: Options, command: Command): Promise<void> {
  const recipe = recipeOf(name);
  const client = await clientFor(command, "admin");
  const from = dateOf("--from", options.from);
  const to = options.to === undefined ? Number.MAX_SAFE_INTEGER : dateOf("--to", options.to) + dayMs - 1;
  await checkFresh(client, name, from, options.forget === true);
  const rows = await recipe.load({ file: options.data });
  const { show, note, end } = phases();
  const order = { recipe: name, file: options.data, from, to };
  const report = await play(client, recipe, rows, {
    ...{ from, to, onProgress: show, learnsAbove: options.learnAbove === true },
    ...(options.teachFrom === undefined ? {} : { teachFrom: dateOf("--teach-from", options.teachFrom) }),
    ...(options.controls ? { startRetrained: () => startRetrained(order, note) } : {}),
  });
  end();
  printResult(options.json, report, () => describe(report));
}

/** One bar a phase, with a note of what goes on beside it; when the play is over, what was beside it has the bar. */
function phases() {
  let bar: { phase: string; done: number; progress: Progress } | null = null;
  let aside = "";
  let isPlayed = false;
  const show = (phase: string, done: number, total: number) => {
    if (bar?.phase !== phase) {
      bar?.progress.end();
      bar = { phase, done, progress: progressOf(phase, total) };
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

function dateOf(option: string, text: string): number {
  const at = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(at))
    throw new Error(`Error in replay: ${option} must be a date such as 2014-01-01, but is '${text}'.`);
  return at;
}
