import { setTimeout } from "node:timers/promises";
import type { Command } from "commander";
import type { Answer, SampleLine } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom } from "#origin/random.ts";
import { type Site, startSite } from "../bench/node/site.ts";
import { formatTable, printResult } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";
import { siteArtefact, siteQuestion } from "./uplink-world.ts";

interface Options {
  questions: number;
  reviews: number;
  seed: number;
  json?: boolean;
}

/** What was asked and answered on site while the line was cut, and what the rung above had afterwards. */
interface Outcome {
  asked: number;
  kills: number;
  /** Answered by the node's own rule, and how many of these were right; of all provisional answers likewise. */
  accepted: number;
  acceptedRight: number;
  provisionalRight: number;
  degraded: number;
  /** Labels of people on site, and questions that waited for the rung above. */
  reviewed: number;
  waiting: number;
  /** What came above after the line was joined: each of the ids, how often they are there, and how long it took. */
  questionsAbove: number;
  labelsAbove: number;
  labelsTwice: number;
  joinedMs: number;
  /** Callers whose answer came from a person above, by the label that was given. */
  answeredFromAbove: number;
}

const model = "site";
const region = "plant";
const taught = 1_500;
const atOnce = 8;
const patienceMs = 180_000;

/** `simulate uplink`: a node asks and labels while its line is cut by force and its process is killed; then all goes up once. */
export function uplinkSimulation(program: Command): void {
  const whole = { atLeast: 10, isWhole: true };
  program
    .command("uplink")
    .description(
      "cut a node's line and kill it: what it answers meanwhile, and whether everything is above once afterwards",
    )
    .option("--questions <n>", "questions while the line is cut", numberParser("--questions", whole), 1_000)
    .option("--reviews <n>", "labels of people on site meanwhile", numberParser("--reviews", whole), 100)
    .option("--seed <n>", "which questions", numberParser("--seed", { atLeast: 0, isWhole: true }), 1)
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ questions, reviews, seed, json }: Options): Promise<void> {
  const site = await startSite();
  try {
    const outcome = await simulate(site, { questions, reviews, seed });
    printResult(json, outcome, () => describe(outcome));
    const { waiting, questionsAbove, reviewed, labelsAbove, labelsTwice, answeredFromAbove } = outcome;
    if (waiting !== questionsAbove || reviewed !== labelsAbove || labelsTwice > 0 || answeredFromAbove !== waiting) {
      throw new Error("What is above is not what was asked and labelled on site.");
    }
  } finally {
    await site.stop();
  }
}

async function simulate(site: Site, { questions, reviews, seed }: Options): Promise<Outcome> {
  const { edge, node, line } = site;
  const random = seededRandom(seed);
  const labels = new Map<string, string>();
  const next = (kind: string, i: number) => {
    const { instance, label } = siteQuestion(random);
    const id = `${model}~${region}~${kind}-${i}`;
    labels.set(id, label);
    return { label, question: { id, region, instance } };
  };
  const publisher = edge.client("publish");
  const { version } = await publish(publisher, await siteArtefact(model), edge.credentials.signingKey);
  await publisher.rollout(model, { version });
  await until(async () => (await node.client("ask").model(model)).pointer.stable === version);
  const known = Array.from({ length: taught }, (_, i) => next("taught", i));
  for (let i = 0; i < taught; i += 500)
    await node.client("teach").teachMany(model, { truths: known.slice(i, i + 500) });
  const learned = await node.client("admin").retrain(model, region, { waitSeconds: 120 });
  if (learned.status !== "promoted") throw new Error(`The node's head was not promoted: ${learned.reason}`);
  await until(async () => (await labelsAbove(site)).length === taught);
  const before = await questionsAbove(site);

  line.cut();
  const asked = Array.from({ length: questions }, (_, i) => next("cut", i));
  const first = new Map<string, Answer>();
  let kills = 0;
  const askOne = async ({ question }: (typeof asked)[number]) => {
    const [answer] = await askAgain(() => node.client("ask").askQuestions(model, [question]));
    first.set(question.id, answer as Answer);
  };
  const half = Math.floor(questions / 2);
  await inTurns(asked.slice(0, half), askOne);
  // In the middle of questions.
  const going = inTurns(asked.slice(half), askOne);
  await until(async () => first.size > half + questions / 10);
  await node.kill();
  await node.start();
  kills++;
  await going;
  const reviewed = new Set<string>();
  await until(async () => {
    const found = await node.client("review").review(model, { limit: Math.min(100, reviews - reviewed.size) });
    for (const { id } of found.questions) {
      if (reviewed.size === reviews) break;
      await node.client("review").answer(id, labels.get(id) as string);
      reviewed.add(id);
      if (kills > 1 || reviewed.size < reviews / 2) continue;
      // In the middle of labels.
      await node.kill();
      await node.start();
      kills++;
    }
    return reviewed.size === reviews;
  });
  const open = [...first.values()].filter(({ id, status }) => status === "open" && !reviewed.has(id));
  const shown = await Promise.all(open.map(({ id }) => node.client("admin").question(id)));

  line.join();
  const joinedAt = Date.now();
  await until(async () => (await questionsAbove(site)) - before >= open.length);
  await until(async () => (await labelsAbove(site)).length >= taught + reviewed.size);
  const joinedMs = Date.now() - joinedAt;
  const inAll = await labelsAbove(site);
  // People above answer what has come; the callers on site get it.
  await until(async () => {
    const { questions: all } = await edge.client("review").review(model, { limit: 100 });
    for (const { id, instance } of all) await edge.client("review").answer(id, labelOf(asked, instance, labels));
    const answers = await Promise.all(open.map(({ id }) => node.client("admin").question(id)));
    return answers.every(({ status }) => status === "answered");
  });
  const final = await Promise.all(open.map(({ id }) => node.client("admin").question(id)));
  const accepted = [...first.values()].filter(({ accepted: is }) => is);
  const isRight = ({ id, label }: Answer) => labels.get(id) === label;
  return {
    ...{ asked: questions, kills, accepted: accepted.length, acceptedRight: accepted.filter(isRight).length },
    provisionalRight: [...first.values()].filter(isRight).length,
    degraded: shown.filter(({ degraded }) => degraded).length,
    ...{ reviewed: reviewed.size, waiting: open.length, joinedMs },
    questionsAbove: (await questionsAbove(site)) - before,
    labelsAbove: inAll.length - taught,
    labelsTwice: inAll.length - new Set(inAll.map(({ id }) => id)).size,
    answeredFromAbove: final.filter((one) => one.rung === "human" && isRight(one)).length,
  };
}

function labelOf(
  asked: readonly { question: { id: string; instance: unknown } }[],
  instance: unknown,
  labels: ReadonlyMap<string, string>,
): string {
  const text = JSON.stringify(instance);
  const own = asked.find(({ question }) => JSON.stringify(question.instance) === text);
  return labels.get(own?.question.id ?? "") ?? "no";
}

async function questionsAbove({ edge }: Site): Promise<number> {
  return (await edge.client("admin").region(model, region)).state.questions.total;
}

type Sample = Extract<SampleLine, { instance: unknown }>;

async function labelsAbove({ edge }: Site): Promise<Sample[]> {
  const all: Sample[] = [];
  for (let since: string | undefined; ; ) {
    const { lines, cursor, more } = await edge.client("admin").samples(model, since);
    all.push(...lines.filter((line): line is Sample => "instance" in line));
    since = cursor;
    if (!more) return all;
  }
}

/** Works on items, some at once, in order. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

/** Repeats a request while the node is away: the same id is one question. */
async function askAgain<T>(request: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + patienceMs; ; await setTimeout(200)) {
    try {
      return await request();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + patienceMs; !(await isSo().catch(() => false)); await setTimeout(200)) {
    if (Date.now() > end) throw new Error(`Not so within ${patienceMs / 1_000} s: ${isSo}`);
  }
}

function describe(outcome: Outcome): string {
  const { asked, accepted, acceptedRight, provisionalRight, kills, reviewed, waiting } = outcome;
  return [
    `${count(asked)} questions while the line was cut, ${kills} times kill -9 in between`,
    formatTable([
      ["on site", "", "above, after the line was back", ""],
      [
        "answered by the node",
        `${percent(accepted / asked)}, right ${percent(acceptedRight / Math.max(1, accepted))}`,
        "",
        "",
      ],
      ["right of all, provisional ones included", percent(provisionalRight / asked), "", ""],
      ["labelled by people on site", `${reviewed}`, "labels", `${outcome.labelsAbove}, twice ${outcome.labelsTwice}`],
      [
        "open, and waiting for the rung above",
        `${waiting}, degraded ${outcome.degraded}`,
        "questions",
        `${outcome.questionsAbove}`,
      ],
      ["", "", "answered there, read on site", `${outcome.answeredFromAbove}`],
    ]),
    `Everything was above ${(outcome.joinedMs / 1_000).toFixed(1)} s after the line was joined.`,
  ].join("\n\n");
}
