import { join } from "node:path";
import { type Command, Option } from "commander";
import { ownThinKinds, type TrainerName, trainers } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { type BackendChoice, backendChoices } from "#origin/backend/index.ts";
import { type Comparison, compareModels, comparisonSteps } from "#origin/compare/index.ts";
import { publish } from "#origin/publish.ts";
import type { NetworkPlan, Recipe, Row } from "#origin/recipes/index.ts";
import {
  describeCandidates,
  describeOptimism,
  describeOwnThin,
  describeScale,
  describeSplits,
} from "#origin/report/describe.ts";
import { reportOn, writeReport } from "#origin/report/index.ts";
import { torchFolder, trainerOf } from "#origin/torch/choose.ts";
import { findPython } from "#origin/torch/python.ts";
import { readTorchSettings } from "#origin/torch/settings.ts";
import { Checkpoints } from "#origin/train/checkpoint.ts";
import { type ManifestDraft, type NetworkName, train } from "#origin/train/index.ts";
import { type Judged, judge } from "#origin/train/judge.ts";
import { saveArtefact } from "#origin/train/store.ts";
import { artefactFolder, clientFor, signingKey, trainingFolder } from "../local/context.ts";
import { describeComparison } from "../local/describe-comparison.ts";
import { figureNames, figuresOf } from "../local/figures.ts";
import { describeTraining, followTraining } from "../local/follow.ts";
import { formatTable, printResult, rowReporter, showProgress } from "../local/output.ts";
import { recipeFor } from "../local/recipe.ts";
import { costOf, warningsOf } from "../local/training-notes.ts";
import { dayParser, numberParser } from "../local/usage.ts";

interface Options {
  before?: string;
  data?: string;
  out?: string;
  backend: BackendChoice;
  trainer?: TrainerName;
  processes?: number;
  test?: string | true;
  compare?: boolean;
  seed?: number;
  maxMinutes?: number;
  fresh?: boolean;
  publish?: boolean;
  learn?: boolean;
  share?: number;
  gate: boolean;
  json?: boolean;
}

const startedAt = Date.now();

/** `upriver train`: trains the full and the thin network of a recipe. */
export function trainVerb(program: Command): void {
  program
    .command("train")
    .description("train the full and the thin network of a recipe")
    .argument("<recipe>", "the name or the path of a recipe")
    .option("--before <date>", "use only data before this day (default: the recipe's)", dayParser("--before"))
    .option("--data <file>", "file of the recipe's data")
    .option("--out <folder>", "output folder (default: .upriver/artefacts/<recipe>)")
    .addOption(new Option("--backend <backend>", "what computes").choices(backendChoices).default("auto"))
    .addOption(new Option("--trainer <trainer>", "what trains (default: the recipe's, else tfjs)").choices(trainers))
    .option(
      "--processes <n>",
      "with torch: how many processes train together",
      numberParser("--processes", { atLeast: 1, isWhole: true }),
    )
    .option(
      "--test [file]",
      "judge the result on other rows: of a file in the form of the recipe's data, or its own from the day of --before on",
    )
    .option("--compare", "judge it beside a logistic regression and, where 'xgboost' is installed, boosting")
    .option("--seed <n>", "seed of splits and networks (default: the recipe's)", numberParser("--seed", { atLeast: 0 }))
    .option(
      "--max-minutes <n>",
      "end within this time, with the best networks so far",
      numberParser("--max-minutes", { above: 0 }),
    )
    .option("--fresh", "start from the beginning even if an interrupted training left a checkpoint")
    .option("--publish", "publish the result and serve it to all callers")
    .option("--learn", "train at the origin with the regions' samples; a better result is published as a canary")
    .option(
      "--share <share>",
      "with --learn: the canary's share of callers, 0 for no canary (default: the recipe's)",
      numberParser("--share", { atLeast: 0, below: 1 }),
    )
    .option("--no-gate", "with --learn: publish the result even if it is not better")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver train weather --before 2014-01-01 --publish")
    .action(run);
}

async function run(given: string, options: Options, command: Command): Promise<void> {
  if (options.learn) return learnAtOrigin(given, options, command);
  const until = options.maxMinutes === undefined ? undefined : startedAt + options.maxMinutes * 60_000;
  const found = await recipeFor(given, options.data);
  const recipe = options.seed === undefined ? found : withSeed(found, options.seed);
  const { name } = recipe;
  const epochsOf = ({ training, rivals }: NetworkPlan) =>
    (training?.epochs ?? recipe.training.epochs) * (1 + rivals.length);
  const plans: [NetworkName, NetworkPlan][] = [
    ["full", recipe.full],
    ["thin", recipe.thin],
    ...Object.entries(recipe.thins).map(([kind, plan]): [NetworkName, NetworkPlan] => [kind as NetworkName, plan]),
  ];
  const epochsBefore = (network: NetworkName) => {
    const place = plans.findIndex(([name]) => name === network);
    return plans.slice(0, place < 0 ? plans.length : place).reduce((sum, [, plan]) => sum + epochsOf(plan), 0);
  };
  const checkpoints = new Checkpoints(trainingFolder(name));
  if (options.fresh) await checkpoints.clear();
  const trainer = await trainerFor(recipe, options);
  if (options.fresh) await trainer?.clear();
  const bar = showProgress(
    `training ${name}`,
    plans.reduce((sum, [, plan]) => sum + epochsOf(plan), 0),
  );
  const artefact = await train(recipe, {
    ...{ before: options.before, file: options.data, backend: options.backend, checkpoints, until },
    trainer: trainer ?? undefined,
    onRows: rowReporter(name),
    onScale: (scale, share) => bar.update(0, `numbers: ${scale}, ${Math.round(100 * share)}%`),
    onProgress: ({ network, epoch, share, loss, validationLoss, secondsLeft }) =>
      bar.update(
        epoch - 1 + share + epochsBefore(network),
        `${network} ${epoch}: loss ${(validationLoss ?? loss).toFixed(4)}, ${Math.ceil(secondsLeft / 60)} min left`,
      ),
  });
  bar.end();
  const folder = options.out ?? artefactFolder(name);
  await saveArtefact(folder, artefact);
  const report = await reportOn(artefact.result);
  await writeReport(folder, report);
  await checkpoints.clear();
  await trainer?.clear();
  const { metrics, thin, full, trainedOn } = artefact.draft;
  let version: number | null = null;
  if (options.publish) {
    const client = await clientFor(command, "publish");
    version = (await publish(client, artefact, await signingKey(command))).version;
    await client.rollout(name, { version });
  }
  const coverage = { thin: thin.rule.certificate?.coverage ?? 0, full: full?.rule.certificate?.coverage ?? 0 };
  const testRows = await testRowsOf(recipe, options);
  const test = testRows && (await judge(recipe, artefact, testRows));
  const comparison = options.compare ? await compared(recipe, artefact, testRows) : undefined;
  const { cutShort } = artefact;
  const costs: { [K in NetworkName]?: Awaited<ReturnType<typeof costOf>> } = {
    thin: await costOf(artefact, thin),
    full: await costOf(artefact, full ?? thin),
  };
  const own = ownThinKinds.flatMap((kind) => {
    const found = artefact.draft.thins?.[kind];
    return found ? [{ kind, ...found }] : [];
  });
  for (const { kind, network } of own) costs[kind] = await costOf(artefact, network);
  const { splits, scale, escalation, backend, networks: trained, thins = [] } = artefact.result;
  const optimism = Object.fromEntries(trained.map((network) => [network.name, network.optimism]));
  const result = {
    ...{ recipe: name, folder, version, backend, trainedOn, metrics, certifiedCoverage: coverage, cutShort },
    ...{ splits, scale, optimism, escalation, costs },
    ...(thins.length > 0 ? { thins } : {}),
    candidates: Object.fromEntries(trained.map((network) => [network.name, network.candidates])),
  };
  printResult(options.json, { ...result, ...(test ? { test } : {}), ...(comparison ? { comparison } : {}) }, () => {
    const row = (network: NetworkName, m: typeof metrics.thin, covered: number) => [
      ...[network, m.logLoss.toFixed(4), ...figuresOf(m), percent(covered)],
      ...[costs[network]?.kB.toFixed(1) ?? "–", costs[network]?.ms?.toFixed(2) ?? "–"],
    ];
    const rows = [
      row("thin", metrics.thin, coverage.thin),
      ...own.map(({ kind, metrics: m, network }) => row(kind, m, network.rule.certificate?.coverage ?? 0)),
      ...(metrics.full ? [row("full", metrics.full, coverage.full)] : []),
    ];
    const risk = `certified coverage at ${percent(recipe.targetRisk)} risk`;
    const next =
      version === null ? `Next: npx upriver publish ${options.out ?? name}` : `Version ${version} serves all callers.`;
    const beside = comparison ? `\n${describeComparison(comparison)}` : "";
    const tested = test
      ? `\n${options.test === true ? "Later rows" : options.test}: ${count(test.thin.n)} rows\n${describeTest(test, artefact.draft)}`
      : "";
    const notes = [
      ["splits", describeSplits(splits)],
      ...noteOf("numbers", describeScale(scale)),
      ...trained.flatMap((network) => noteOf(network.name, describeCandidates(network))),
      ...trained.flatMap((network) =>
        network.optimism
          ? [["optimism", `${network.name}: ${describeOptimism(network.optimism)} on the latest rows`]]
          : [],
      ),
      ...(["thin", "full"] as const).flatMap((network) => {
        const reason = artefact.draft[network]?.rule.uncertified?.reason;
        return reason === undefined ? [] : [["pending", `${network}: ${reason}`]];
      }),
      ...(["thin", "full"] as const).flatMap((network) =>
        Object.entries(artefact.draft[network]?.rule.perClass ?? {}).map(([label, { reason }]) => [
          "per class",
          `${network} accepts no answer '${label}': ${reason}`,
        ]),
      ),
      ...thins.map((verdict) => [verdict.kind, describeOwnThin(verdict)]),
      ["escalation", escalation.reason],
      ...warningsOf(report, recipe.perClass).map((warning) => ["warning", warning]),
    ];
    const limit =
      cutShort.length > 0
        ? `\nThe time limit ended the training of ${cutShort.join(" and ")}: these are the best weights so far.`
        : "";
    return `${formatTable([["network", "log-loss", ...figureNames(artefact.draft), risk, "kB", "ms a question"], ...rows])}\n${formatTable(notes)}${tested}${beside}${limit}\nModel: ${folder}\nReport: ${join(folder, "report.html")}\n${next}`;
  });
}

async function trainerFor(recipe: Recipe, { trainer, processes }: Options) {
  const settings = readTorchSettings(process.env);
  const torch = processes === undefined ? settings : { ...settings, processes };
  const found = trainerOf(
    recipe,
    { trainer: trainer ?? null, torch },
    torchFolder(torch, recipe.name, trainingFolder(recipe.name)),
  );
  // Before rows are read.
  if (found && torch.command === null) await findPython(torch.python);
  return found;
}

function noteOf(name: string, text: string | null): [string, string][] {
  return text === null ? [] : [[name, text]];
}

async function testRowsOf(recipe: Recipe, { test, before, data }: Options): Promise<Row[] | undefined> {
  if (test === undefined) return undefined;
  if (test !== true) return recipe.load({ file: test });
  const day = before ?? recipe.trainBefore;
  if (day === null) throw new Error("Which rows test? Name a file, or add --before with the day on which they begin.");
  return (await recipe.load({ file: data })).filter(({ at }) => at >= Date.parse(day));
}

function withSeed(recipe: Recipe, seed: number): Recipe {
  const { document } = recipe;
  return {
    ...recipe,
    training: { ...recipe.training, seed },
    document: { ...document, training: { ...document.training, seed } },
  };
}

async function compared(
  recipe: Recipe,
  { splits, ...model }: Awaited<ReturnType<typeof train>>,
  test: Row[] | undefined,
): Promise<Comparison> {
  const bar = showProgress(`comparing ${recipe.name}`, comparisonSteps.length);
  const comparison = await compareModels(recipe, model, splits, {
    test,
    onProgress: (step) => bar.update(comparisonSteps.indexOf(step), step),
  });
  bar.end();
  return comparison;
}

type Test = Record<"thin" | "full", Judged>;

function describeTest(test: Test, draft: ManifestDraft): string {
  const rows = (["thin", "full"] as const).map((network) => {
    const { logLoss, coverage, accepted, wrongOfAccepted } = test[network];
    return [
      ...[network, logLoss.toFixed(4), ...figuresOf(test[network]), percent(coverage["0.05"] ?? 0)],
      ...[percent(accepted), wrongOfAccepted === null ? "–" : percent(wrongOfAccepted)],
    ];
  });
  const header = ["log-loss", ...figureNames(draft), "coverage at 5% error", "accepted", "wrong of these"];
  return formatTable([["network", ...header], ...rows]);
}

async function learnAtOrigin(name: string, { before, share, gate, json }: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const canary = share === undefined ? {} : { canary: share > 0 ? { share } : null };
  const training = await followTraining(
    client,
    await client.startTraining(name, { ...canary, gate, ...(before ? { before } : {}) }),
  );
  printResult(json, { training }, () => describeTraining(training));
  if (training.state === "failed") process.exitCode = 1;
}
