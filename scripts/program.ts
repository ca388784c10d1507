// The verbs of the command line, in the order of --help. Run it: npx upriver --help
import { Command } from "commander";
import { describeUsageFault } from "./local/usage-fault.ts";
import { ablateVerb } from "./verbs/ablate.ts";
import { aggregateVerb } from "./verbs/aggregate.ts";
import { askVerb } from "./verbs/ask.ts";
import { createVerb } from "./verbs/create.ts";
import { doctorVerb } from "./verbs/doctor.ts";
import { exportVerb } from "./verbs/export.ts";
import { importVerb } from "./verbs/import.ts";
import { keyVerb } from "./verbs/key.ts";
import { publishVerb } from "./verbs/publish.ts";
import { replayVerb } from "./verbs/replay.ts";
import { retrainVerb } from "./verbs/retrain.ts";
import { reviewVerb } from "./verbs/review.ts";
import { rollbackVerb } from "./verbs/rollback.ts";
import { rolloutVerb } from "./verbs/rollout.ts";
import { samplesVerb } from "./verbs/samples.ts";
import { statusVerb } from "./verbs/status.ts";
import { teachVerb } from "./verbs/teach.ts";
import { thinVerb } from "./verbs/thin.ts";
import { tokenVerb } from "./verbs/token.ts";
import { trainVerb } from "./verbs/train.ts";
import { trainingsVerb } from "./verbs/trainings.ts";

const verbs = [
  trainVerb,
  thinVerb,
  exportVerb,
  samplesVerb,
  importVerb,
  createVerb,
  trainingsVerb,
  publishVerb,
  rolloutVerb,
  rollbackVerb,
  askVerb,
  teachVerb,
  statusVerb,
  doctorVerb,
  tokenVerb,
  keyVerb,
  reviewVerb,
  retrainVerb,
  aggregateVerb,
  replayVerb,
  ablateVerb,
];

/** Creates the command line with every verb. */
export function createProgram(): Command {
  const program = new Command("upriver")
    .description("Questions flow up, models flow down.")
    .option("--url <url>", "address of the edge (default: UPRIVER_URL, else the local ladder)")
    .option("--token <token>", "API token with the scope that the command needs (default: UPRIVER_TOKEN)")
    .configureOutput({ outputError: (text, write) => write(`${describeUsageFault(text)}\n`) })
    .showHelpAfterError("Run 'npx upriver --help' for all commands.")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  for (const verb of verbs) verb(program);
  for (const command of program.commands) {
    command.showHelpAfterError(`Run 'npx upriver ${command.name()} --help' for its usage.`);
  }
  return program;
}
