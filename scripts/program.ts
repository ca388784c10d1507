import { Command } from "commander";
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

/** The command line, with every verb. */
export function createProgram(): Command {
  const program = new Command("upriver")
    .description("Questions flow up, models flow down.")
    .option("--url <url>", "where the edge is; else UPRIVER_URL, else the local one of npm start")
    .option("--token <token>", "a token with the scope that is needed; else UPRIVER_TOKEN, else the local one")
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  for (const verb of verbs) verb(program);
  return program;
}
