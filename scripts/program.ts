// The commands of the command line, in the order of --help. Run it: npx upriver --help
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { root } from "./local/process.ts";
import { describeUsageFault } from "./local/usage-fault.ts";

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };

type AddVerb = (program: Command) => void;

const verbs: Record<string, () => Promise<AddVerb>> = {
  init: async () => (await import("./verbs/init.ts")).initVerb,
  dev: async () => (await import("./verbs/dev.ts")).devVerb,
  deploy: async () => (await import("./verbs/deploy.ts")).deployVerb,
  new: async () => (await import("./verbs/new.ts")).newVerb,
  train: async () => (await import("./verbs/train.ts")).trainVerb,
  thin: async () => (await import("./verbs/thin.ts")).thinVerb,
  export: async () => (await import("./verbs/export.ts")).exportVerb,
  samples: async () => (await import("./verbs/samples.ts")).samplesVerb,
  import: async () => (await import("./verbs/import.ts")).importVerb,
  create: async () => (await import("./verbs/create.ts")).createVerb,
  trainings: async () => (await import("./verbs/trainings.ts")).trainingsVerb,
  publish: async () => (await import("./verbs/publish.ts")).publishVerb,
  rollout: async () => (await import("./verbs/rollout.ts")).rolloutVerb,
  rollback: async () => (await import("./verbs/rollback.ts")).rollbackVerb,
  restore: async () => (await import("./verbs/restore.ts")).restoreVerb,
  ask: async () => (await import("./verbs/ask.ts")).askVerb,
  teach: async () => (await import("./verbs/teach.ts")).teachVerb,
  why: async () => (await import("./verbs/why.ts")).whyVerb,
  status: async () => (await import("./verbs/status.ts")).statusVerb,
  doctor: async () => (await import("./verbs/doctor.ts")).doctorVerb,
  node: async () => (await import("./verbs/node.ts")).nodeVerb,
  token: async () => (await import("./verbs/token/index.ts")).tokenVerb,
  audit: async () => (await import("./verbs/audit.ts")).auditVerb,
  key: async () => (await import("./verbs/key.ts")).keyVerb,
  review: async () => (await import("./verbs/review.ts")).reviewVerb,
  retrain: async () => (await import("./verbs/retrain.ts")).retrainVerb,
  forget: async () => (await import("./verbs/forget.ts")).forgetVerb,
  aggregate: async () => (await import("./verbs/aggregate.ts")).aggregateVerb,
  replay: async () => (await import("./verbs/replay.ts")).replayVerb,
  ablate: async () => (await import("./verbs/ablate.ts")).ablateVerb,
};

/** Creates the command line, with one verb if `only` is its name, else with all; loading all takes a second. */
export async function createProgram(only?: string): Promise<Command> {
  const program = new Command("upriver")
    .description("Questions flow up, models flow down.")
    .version(version, "--version")
    .option("--url <url>", "address of the edge (default: UPRIVER_URL, else the local ladder)")
    .option("--token <token>", "API token with the scope that the command needs (default: UPRIVER_TOKEN)")
    .option("--deployed", "use the deployment that 'upriver deploy' made, instead of the local ladder")
    .configureOutput({ outputError: (text, write) => write(`${describeUsageFault(text)}\n`) })
    .showHelpAfterError("Run 'npx upriver --help' for all commands.")
    .addHelpText(
      "after",
      "\nFirst steps, with a table of your own:\n  npx upriver new heart heart.csv --label disease\n" +
        "  npx upriver train heart\n  npx upriver dev",
    )
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const one = only === undefined || !Object.hasOwn(verbs, only) ? undefined : verbs[only];
  for (const load of one ? [one] : Object.values(verbs)) (await load())(program);
  for (const command of program.commands) {
    command.showHelpAfterError(`Run 'npx upriver ${command.name()} --help' for its usage.`);
  }
  return program;
}
