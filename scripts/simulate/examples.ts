import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { percent } from "#core/format.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { createModel } from "#origin/import/create.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom } from "#origin/random.ts";
import type { Artefact } from "#origin/train/index.ts";
import { type LocalLadder, startLadder } from "../local/ladder.ts";
import { formatTable, printResult, showProgress } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { root } from "../local/process.ts";
import { numberParser } from "../local/usage.ts";
import { chooseExamples, type Digit, digitLabels, readDigits } from "./examples-data.ts";
import { type EmbeddedDigit, embedDigits, ridgeAccuracy } from "./examples-oracle.ts";

interface Options {
  base: string;
  cut: string;
  data: string;
  each: number;
  seeds: number;
  json?: boolean;
}

/** What one seed's examples led to. */
interface Outcome {
  seed: number;
  /** Of all answers of the edge to the rest, accepted or not. */
  accuracy: number;
  accepted: number;
  errorOfAccepted: number | null;
  /** From the reply to the last example to the first answer by the head. */
  seconds: number;
  head: string;
  reason: string | null;
  /** Ridge regression on the same examples, without a region; on the first 60% of each label. */
  oracle: number;
  oracleOf60: number;
}

const shared = process.env.UPRIVER_SHARED ?? join(root, "../shared");
const region = "world";
const pollMs = 250;
const learnedWithinMs = 120_000;
const targetRisk = 0.05;

/** `simulate examples`: a created model that is taught some examples of each label, on a real ladder. */
export function examplesSimulation(program: Command): void {
  program
    .command("examples")
    .description("create a model from a pre-trained base, teach it a few digits, and ask the edge about the rest")
    .option("--base <folder>", "the base, of 28 × 28 × 1 inputs", join(shared, "models/doodlenet"))
    .option("--cut <layer>", "the layer to learn on", "dense")
    .option("--data <folder>", "the folder with optdigits.tra and optdigits.tes", join(shared, "data/optdigits"))
    .option("--each <n>", "examples of each digit", numberParser("--each", { atLeast: 1, isWhole: true }), 20)
    .option("--seeds <n>", "choices of the examples", numberParser("--seeds", { atLeast: 1, isWhole: true }), 5)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ base, cut, data, each, seeds, json }: Options): Promise<void> {
  await startBackend();
  const digits = await readDigits(data);
  const create = (model: string) => createModel({ model, base, cut, labels: digitLabels, targetRisk });
  const embedded = await embedDigits(await create("oracle"), digits);
  const embeddedOf = new Map(digits.map((digit, i) => [digit, embedded[i] as EmbeddedDigit]));
  const folder = await mkdtemp(join(tmpdir(), "upriver-examples-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const ladder = await startLadder({ folder, ports, recipe: null });
  const outcomes: Outcome[] = [];
  try {
    const bar = showProgress("examples", seeds);
    for (let seed = 1; seed <= seeds; seed++) {
      const { taught, rest } = chooseExamples(digits, each, seededRandom(seed));
      const learned = await learn(ladder, await create(`digits-${seed}`), taught, rest);
      const [known, asked] = [taught, rest].map((all) => all.map((one) => embeddedOf.get(one) as EmbeddedDigit));
      const oracle = ridgeAccuracy(known as EmbeddedDigit[], asked as EmbeddedDigit[]);
      const oracleOf60 = ridgeAccuracy(shareOf(known as EmbeddedDigit[], 0.6 * each), asked as EmbeddedDigit[]);
      outcomes.push({ seed, ...learned, oracle, oracleOf60 });
      bar.update(seed);
    }
    bar.end();
  } finally {
    await ladder.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const mean = (of: (one: Outcome) => number) => outcomes.reduce((sum, one) => sum + of(one), 0) / outcomes.length;
  const total = { accuracy: mean((one) => one.accuracy), seconds: mean((one) => one.seconds) };
  const oracles = { oracle: mean((one) => one.oracle), oracleOf60: mean((one) => one.oracleOf60) };
  const scaling = "bilinear, half-pixel centres, 8 × 8 to 28 × 28, white on black";
  printResult(json, { each, scaling, outcomes, mean: { ...total, ...oracles } }, () =>
    [
      `${each} examples of each of 10 digits; the rest asked at the edge. Pictures: ${scaling}.`,
      formatTable([
        ["seed", "accuracy", "accepted", "wrong of accepted", "seconds", "head", "ridge alone", "ridge on 60%"],
        ...outcomes.map((one) => [
          ...[one.seed, percent(one.accuracy), percent(one.accepted), percent(one.errorOfAccepted)],
          ...[one.seconds.toFixed(1), one.head, percent(one.oracle), percent(one.oracleOf60)],
        ]),
        [
          ...["mean", percent(total.accuracy), percent(mean((one) => one.accepted)), ""],
          ...[total.seconds.toFixed(1), "", percent(oracles.oracle), percent(oracles.oracleOf60)],
        ],
      ]),
    ].join("\n"),
  );
}

/** Teaches a model the examples, waits for its head, and asks about the rest. */
async function learn(
  { client, credentials }: LocalLadder,
  artefact: Artefact,
  taught: readonly Digit[],
  rest: readonly Digit[],
): Promise<Omit<Outcome, "seed" | "oracle" | "oracleOf60">> {
  const publisher = client("publish");
  const { model, version } = await publish(publisher, artefact, credentials.signingKey);
  await publisher.rollout(model, { version });
  const truths = taught.map(({ label, instance }) => ({ label, question: { instance } }));
  await client("teach").teachMany(model, { truths });
  const startedAt = performance.now();
  const [first] = rest as [Digit];
  let head = `${version}`;
  while (head === `${version}`) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    head = (await client("ask").ask(model, first.instance)).version;
    if (performance.now() - startedAt > learnedWithinMs) throw new Error(`${model} has no head after two minutes.`);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const instances = rest.map(({ instance }) => instance);
  const answers = await client("ask").askMany(model, instances, { accept: "always" });
  const isRight = answers.map(({ label }, i) => label === rest[i]?.label);
  const accepted = answers.filter((answer) => answer.accepted).length;
  const wrong = answers.filter((answer, i) => answer.accepted && !isRight[i]).length;
  const used = (await client("admin").runs(model, region)).find(({ status }) => status === "promoted");
  return {
    accuracy: isRight.filter(Boolean).length / rest.length,
    accepted: accepted / rest.length,
    errorOfAccepted: accepted > 0 ? wrong / accepted : null,
    seconds,
    head: `${head}: ${used?.report?.chosen}, ${used?.report?.train} examples`,
    reason: used?.reason ?? null,
  };
}

function shareOf(taught: readonly EmbeddedDigit[], each: number): EmbeddedDigit[] {
  return digitLabels.flatMap((label) => taught.filter((one) => one.label === label).slice(0, Math.round(each)));
}
