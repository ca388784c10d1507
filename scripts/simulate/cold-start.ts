import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { Command } from "commander";
import { trainableRecipeSchema } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import { type Row, recipeOfDocument } from "#origin/recipes/index.ts";
import { recipeOfLabels } from "#origin/recipes/label-list.ts";
import { startLadder } from "../local/ladder.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { root } from "../local/process.ts";
import { formatRecipe } from "../local/recipe-file.ts";
import { numberParser } from "../local/usage.ts";
import { type Block, type ColdRun, playCold, total } from "./cold-start-run.ts";
import { crossFittedScores, serveStandIn } from "./stand-in.ts";

interface Options {
  data: string;
  questions?: number;
  seed: number;
  json?: boolean;
}

const model = "tickets";
const usdPerQuestion = 0.0001;
const shared = join(process.env.UPRIVER_SHARED ?? join(root, "shared"), "data/banking77");

/** `simulate cold-start`: a model that starts without labels, through a real ladder below a stand-in for a decision model. */
export function coldStartSimulation(program: Command): void {
  program
    .command("cold-start")
    .description(
      "start a text model without labels: share at the edge, errors and spending for each 1,000 questions; audits differ from run to run",
    )
    .option("--data <folder>", "the folder with BANKING77's train.csv and test.csv", shared)
    .option(
      "--questions <n>",
      "ask only so many (default: all 13,083, a quarter of an hour)",
      numberParser("--questions", { atLeast: 100, isWhole: true }),
    )
    .option("--seed <n>", "the order of the questions", numberParser("--seed", { atLeast: 0, isWhole: true }), 1)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ data, questions, seed, json }: Options): Promise<void> {
  const known = await recipeOfDocument(standInDocument(join(data, "train.csv")), data);
  const rows = [...(await known.load({})), ...(await known.load({ file: join(data, "test.csv") }))];
  const scores = await crossFittedScores(known, rows, (fold) => {
    console.error(`training the stand-in, fold ${fold + 1}: once, about two minutes in all`);
  });
  const standIn = await serveStandIn(known, rows, scores);
  const folder = await mkdtemp(join(tmpdir(), "upriver-cold-start-"));
  await writeFile(join(folder, `${model}.recipe.json`), formatRecipe(recipeAbove(known.labels, standIn.url)));
  const ports = { edge: await freePort(), origin: await freePort() };
  const note = (line: string) => console.error(line);
  const ladder = await startLadder({ folder, ports, recipe: model });
  const end = async () => {
    await ladder.stop();
    await standIn.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void end().then(() => process.exit(1)));
  try {
    const order = [...shuffled(rows.length, seededRandom(seed))].slice(0, questions);
    const bar = showProgress("asking", order.length);
    const { SPLIT_SECRET: splitSecret = "" } = parseEnv(await readFile(join(folder, ".dev.vars"), "utf8"));
    const played = await playCold(
      ladder,
      { model, splitSecret, usdPerQuestion },
      order.map((i) => rows[i] as Row),
      {
        onAsked: (done) => bar.update(done),
        onTrained: (line) => note(line),
      },
    );
    bar.end();
    const above = { accuracy: standIn.accuracy };
    printResult(json, { seed, above, ...played, total: total(played.blocks) }, () =>
      describe(played, standIn.accuracy),
    );
  } finally {
    await end();
  }
}

/** The networks of the stand-in: smaller than full, as it is trained five times. */
function standInDocument(source: string) {
  return trainableRecipeSchema.parse({
    ...{ name: "stand-in", source, label: "category", input: { kind: "text" } },
    networks: {
      full: {
        layers: [{ type: "bag", units: 64 }],
        training: { epochs: 12, learningRate: 0.01, patience: 4 },
      },
    },
  });
}

/** The recipe that `upriver new --labels` writes, with the stand-in above. Only the origin learns: there is one region. */
function recipeAbove(labels: readonly string[], url: string) {
  const document = recipeOfLabels(
    model,
    labels.map((name) => ({ name, description: null })),
  );
  const rung = {
    name: "decisions",
    kind: "system-one" as const,
    url,
    model: "stand-in",
    minLabels: 0,
    deadlineMs: 10_000,
  };
  return {
    ...document,
    rungs: ["edge" as const, "region" as const, { ...rung, price: { usdPerQuestion } }, "human" as const],
    policy: { ...document.policy, retrainAfterSeconds: null, retrainEverySeconds: 30 * 24 * 3600 },
  };
}

function describe({ blocks, certificate, trainings, seconds }: ColdRun, accuracy: number): string {
  const cells = (name: string, { asked, edge, accepted, wrong, above }: Block) => [
    ...[name, percent(edge / asked), percent(accepted / asked)],
    ...[accepted > 0 ? percent(wrong / accepted) : "–", percent(above / asked)],
  ];
  let done = 0;
  const rows = blocks.map((block) => {
    done += block.asked;
    return cells(`to ${count(done)}`, block);
  });
  const last = blocks.filter(({ asked }) => asked === blocks[0]?.asked).at(-1) as Block;
  const header = ["questions", "answered at the edge", "accepted at all", "wrong of accepted", "spending"];
  const table = formatTable([header, ...rows, cells("all", total(blocks)), cells("the last whole 1,000", last)]);
  return [
    `Above: a stand-in that is right on ${percent(accuracy)}. Spending is relative to asking it about everything.`,
    table,
    `Trainings at the origin by the Worker's cron: ${trainings.length}`,
    ...trainings.map((line) => `  ${line}`),
    `Certificate: ${certificate}`,
    `${count(Math.round(seconds))} seconds.`,
  ].join("\n");
}
