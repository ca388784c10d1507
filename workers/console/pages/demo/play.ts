import type { RegionState, UpriverClient } from "#client/index.ts";
import type { Demo, DemoQuestion } from "#core/demo.ts";

/** The figures of a round. */
export interface DemoRound {
  asked: number;
  /** Answers that the edge gave and accepted, and how many of those were wrong. */
  byEdge: number;
  wrong: number;
  /** Regions with a valid certificate after the round. */
  valid: number;
}

/** What a demo does: delete what the regions have learned, ask and teach, or retrain the regions. */
export type DemoStage = "forgetting" | "asking" | "retraining";

export interface DemoStep {
  stage: DemoStage;
  rounds: readonly DemoRound[];
  /** The regions after the last round. */
  regions: readonly RegionState[];
}

const retrainsAtOnce = 4;
const retrainWaitSeconds = 60;

/** Plays a demo through the API, and yields after each part. Rejects when the API refuses something or `signal` aborts. */
export async function* play(client: UpriverClient, demo: Demo, signal: AbortSignal): AsyncGenerator<DemoStep> {
  const { model } = demo;
  const roundMs = (1_000 * demo.seconds) / demo.rounds.length;
  const rounds: DemoRound[] = [];
  let regions: RegionState[] = [];
  yield { stage: "forgetting", rounds, regions };
  // Regions that know the questions would show nothing.
  for (const { region } of await client.regions(model, { fresh: true })) await client.forgetRegion(model, region);
  const startedAt = Date.now();
  for (const [i, questions] of demo.rounds.entries()) {
    const round = await playRound(client, model, questions, signal);
    if ((i + 1) % demo.retrainEvery === 0) {
      yield { stage: "retraining", rounds, regions };
      await retrainAll(client, model, regions, endOf(questions), signal);
    }
    regions = await client.regions(model, { fresh: true });
    rounds.push({ ...round, valid: regions.filter(({ certificate }) => certificate?.status === "valid").length });
    yield { stage: "asking", rounds: [...rounds], regions };
    // Rounds after a slow retrain catch up.
    await pause(startedAt + (i + 1) * roundMs - Date.now(), signal);
  }
}

/** Asks a round's questions, and teaches their labels. */
async function playRound(client: UpriverClient, model: string, round: readonly DemoQuestion[], signal: AbortSignal) {
  const questions = round.map(({ region, instance, at }) => ({ region, instance: instance as Instance, at }));
  const answers = await client.askQuestions(model, questions, { signal });
  const accepted = answers.map(({ rung, accepted }) => rung === "edge" && accepted);
  const isWrong = (i: number) => accepted[i] && answers[i]?.label !== round[i]?.label;
  const truths = answers.map(({ id }, i) => ({ id, label: (round[i] as DemoQuestion).label }));
  signal.throwIfAborted();
  await client.teachMany(model, { truths, at: endOf(round) });
  return {
    asked: round.length,
    byEdge: accepted.filter(Boolean).length,
    wrong: answers.filter((_, i) => isWrong(i)).length,
  };
}

type Instance = Parameters<UpriverClient["askQuestions"]>[1][number]["instance"];

async function retrainAll(
  client: UpriverClient,
  model: string,
  regions: readonly RegionState[],
  at: number,
  signal: AbortSignal,
): Promise<void> {
  const left = regions.map(({ region }) => region);
  const work = async () => {
    for (let region = left.shift(); region !== undefined; region = left.shift()) {
      let isRunning = true;
      while (isRunning) {
        signal.throwIfAborted();
        const run = await client.retrain(model, region, { at, waitSeconds: retrainWaitSeconds });
        isRunning = run.status === "running";
      }
    }
  };
  await Promise.all(Array.from({ length: retrainsAtOnce }, work));
}

/** When a round's labels are known: after its last question. */
function endOf(round: readonly DemoQuestion[]): number {
  return Math.max(...round.map(({ at }) => at)) + 1;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
