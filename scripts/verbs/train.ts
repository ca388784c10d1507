import { join } from "node:path";
import { type Command, Option } from "commander";
import { percent } from "#core/format.ts";
import { type BackendChoice, backendChoices } from "#origin/backend/index.ts";
import { publish } from "#origin/publish.ts";
import { type NetworkPlan, recipeOf, recipes } from "#origin/recipes/index.ts";
import { reportOn, writeReport } from "#origin/report/index.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { train } from "#origin/train/index.ts";
import { saveArtefact } from "#origin/train/store.ts";
import { artefactFolder, clientFor, signingKey, trainingFolder } from "../local/context.ts";
import { describeTraining, followTraining } from "../local/follow.ts";
import { printResult, progressOf, table } from "../local/output.ts";

interface Options {
  before?: string;
  data?: string;
  out?: string;
  backend: BackendChoice;
  fresh?: boolean;
  publish?: boolean;
  learn?: boolean;
  share?: string;
  json?: boolean;
}

/** `upriver train`: full and thin from a recipe. */
export function trainVerb(program: Command): void {
  program
    .command("train")
    .description(`train a recipe's full and thin models (${recipes.map(({ name }) => name).join(", ")})`)
    .argument("<recipe>")
    .option("--before <date>", "train on what is before this day alone (the recipe's own cut by default)")
    .option("--data <file>", "read the recipe's data from this file")
    .option("--out <folder>", "where the trained model goes (.upriver/artefacts/<recipe>)")
    .addOption(new Option("--backend <backend>", "what trains").choices(backendChoices).default("auto"))
    .option("--fresh", "begin anew, though an earlier training was cut off")
    .option("--publish", "publish it and roll it out to all")
    .option("--learn", "at the origin, on what the regions learned as well; published behind a canary if it is better")
    .option("--share <share>", "with --learn: the canary's share of the callers (the recipe's), 0 for none")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver train weather --before 2014-01-01 --publish")
    .action(run);
}

async function run(name: string, options: Options, command: Command): Promise<void> {
  if (options.learn) return learnAtOrigin(name, options, command);
  const recipe = recipeOf(name);
  const epochsOf = ({ training }: NetworkPlan) => training?.epochs ?? recipe.training.epochs;
  const fullEpochs = epochsOf(recipe.full);
  const checkpoints = new Checkpoints(trainingFolder(name));
  if (options.fresh) await checkpoints.clear();
  const bar = progressOf(`training ${name}`, fullEpochs + epochsOf(recipe.thin));
  const artefact = await train(recipe, {
    ...{ before: options.before, file: options.data, backend: options.backend, checkpoints },
    onProgress: ({ network, epoch, share, loss, validationLoss, secondsLeft }) =>
      bar.update(
        epoch - 1 + share + (network === "thin" ? fullEpochs : 0),
        `${network} ${epoch}: loss ${(validationLoss ?? loss).toFixed(4)}, ${Math.ceil(secondsLeft / 60)} min left`,
      ),
  });
  bar.end();
  const folder = options.out ?? artefactFolder(name);
  await saveArtefact(folder, artefact);
  await writeReport(folder, await reportOn(artefact.result));
  await checkpoints.clear();
  const { metrics, thin, full, trainedOn } = artefact.draft;
  let version: number | null = null;
  if (options.publish) {
    const client = await clientFor(command, "publish");
    version = (await publish(client, artefact, await signingKey())).version;
    await client.rollout(name, { version });
  }
  const coverage = { thin: thin.rule.certificate?.coverage ?? 0, full: full?.rule.certificate?.coverage ?? 0 };
  printResult(options.json, { recipe: name, folder, version, trainedOn, metrics, certifiedCoverage: coverage }, () => {
    const row = (network: string, m: typeof metrics.thin, covered: number) => [
      ...[network, m.logLoss.toFixed(4), m.auc?.toFixed(4) ?? "–", percent(m.accuracy), percent(covered)],
    ];
    const rows = [
      row("thin", metrics.thin, coverage.thin),
      ...(metrics.full ? [row("full", metrics.full, coverage.full)] : []),
    ];
    const risk = `answered at ${percent(recipe.targetRisk)} risk`;
    const next =
      version === null ? `Next: npx upriver publish ${options.out ?? name}` : `Version ${version} is served to all.`;
    return `${table([["network", "log-loss", "AUC", "accuracy", risk], ...rows])}\nIn ${folder}, with a report: ${join(folder, "report.html")}\n${next}`;
  });
}

async function learnAtOrigin(name: string, { before, share, json }: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const canary = share === undefined ? {} : { canary: Number(share) > 0 ? { share: Number(share) } : null };
  const training = await followTraining(
    client,
    await client.startTraining(name, { ...canary, ...(before ? { before } : {}) }),
  );
  printResult(json, { training }, () => describeTraining(training));
  if (training.state === "failed") process.exitCode = 1;
}
