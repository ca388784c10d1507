import type { Command } from "commander";
import { type LearningPart, learningParts } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { clientFor, signingKey } from "../local/context.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { dayParser, UsageError } from "../local/usage.ts";
import { type Ablation, ablate } from "../replay/ablate.ts";

interface Options {
  from: string;
  to?: string;
  data?: string;
  without?: LearningPart[];
  json?: boolean;
}

const dayMs = 24 * 3600_000;

/** `upriver ablate`: measures what each part of the learning adds. */
export function ablateVerb(program: Command): void {
  program
    .command("ablate")
    .description(
      "replay a recipe's data with all parts of the learning, then without each one; regions start empty each time",
    )
    .argument("<recipe>", "a recipe that the ladder serves")
    .requiredOption("--from <date>", "first day to ask about; earlier data is taught", dayParser("--from"))
    .option("--to <date>", "last day to ask about (default: the last in the data)", dayParser("--to"))
    .option("--without <parts...>", `parts to leave out, one at a time (default: ${learningParts.join(", ")})`)
    .option("--data <file>", "file of the recipe's data")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver ablate weather --from 2014-01-01 --to 2014-12-31")
    .action(run);
}

async function run(given: string, options: Options, command: Command): Promise<void> {
  const recipe = await recipeFor(given, options.data);
  const { name } = recipe;
  const unknown = options.without?.find((part) => !learningParts.includes(part));
  if (unknown)
    throw new UsageError(`--without must be one or more of ${learningParts.join(", ")}; received '${unknown}'.`);
  const client = await clientFor(command, "admin");
  const rows = await recipe.load({ file: options.data });
  let bar: { phase: string; progress: ReturnType<typeof showProgress> } | null = null;
  const ablations = await ablate(client, recipe, rows, await signingKey(command), {
    from: Date.parse(options.from),
    to: options.to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(options.to) + dayMs - 1,
    parts: options.without ?? learningParts,
    onPart: (part) => console.error(part ? `without ${part}` : "with all parts"),
    onProgress: (phase, done, total) => {
      if (bar?.phase !== phase) {
        bar?.progress.end();
        bar = { phase, progress: showProgress(phase, total) };
      }
      bar.progress.update(done);
    },
  });
  (bar as { progress: ReturnType<typeof showProgress> } | null)?.progress.end();
  printResult(options.json, { model: name, ablations }, () => describe(ablations));
}

function signed(change: number): string {
  return `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(4)}`;
}

function describe(ablations: readonly Ablation[]): string {
  const rows = ablations.map(({ without, report }) => {
    const { regional } = report.heads;
    const coverage = [regional?.coverage["0.05"] ?? 0, regional?.coverage["0.10"] ?? 0].map(percent);
    const { promoted = 0, refused = 0 } = report.retrains;
    const answered = [report.rungs.edge, report.rungs.region, report.rungs.origin].map(percent);
    const { certificates, comparison, gains } = report;
    const ladder = comparison?.all.ladder.logLoss?.toFixed(4) ?? null;
    const worst = gains.regional ? signed(-gains.regional.worst.gain) : null;
    return [
      ...[without === null ? "all parts" : `without ${without}`, regional?.logLoss.toFixed(4) ?? null],
      ...[regional?.auc?.toFixed(4) ?? null, worst, ladder, ...coverage, `${promoted} / ${promoted + refused}`],
      ...[`${certificates.valid} / ${certificates.stationYears}`, ...answered],
    ];
  });
  const columns = [
    "learning",
    "log-loss",
    "AUC",
    "worst region",
    "ladder's log-loss",
    "coverage at 5%",
    "at 10%",
    "promoted",
    "valid certificates",
    "edge",
    "semantic cache",
    "origin",
  ];
  return formatTable([columns, ...rows]);
}
