import type { UpriverClient } from "../../workers/client/index.ts";
import type { Answer } from "../../workers/core/contract/index.ts";
import { mintId } from "../../workers/core/ids.ts";
import type { Recipe, Row } from "../../workers/origin/recipes/index.ts";
import { type HeadName, heads, type Played, type Report, summarise, summariseBy } from "./report.ts";
import { retrainAll } from "./retrain.ts";

export interface PlayOptions {
  from: number;
  to: number;
  onProgress: (phase: string, done: number, total: number) => void;
}

const dayMs = 24 * 3600_000;
/** Questions and truths in one request. */
const batchSize = 1_000;

/**
 * Plays a recipe's rows through the running ladder in time order: first what was known before `from` is taught, then
 * each day is asked whole, and its truths are told the day after; regions retrain as the model's schedule says.
 */
export async function play(client: UpriverClient, recipe: Recipe, rows: Row[], options: PlayOptions): Promise<Report> {
  const { from, to, onProgress } = options;
  const startedAt = Date.now();
  const { policy } = await client.model(recipe.name);
  const run = startedAt.toString(36);
  const asked = rows.filter(({ at }) => at >= from && at <= to);
  if (asked.length === 0) throw new Error(`Error in replay: recipe '${recipe.name}' has no rows from --from to --to`);
  const regions = [...new Set(rows.map(({ region }) => region))].sort();
  const retrains: Record<string, number> = {};
  const retrain = async (at: number) => {
    const runs = await retrainAll(client, recipe.name, regions, at, (done) =>
      onProgress("retraining", done, regions.length),
    );
    for (const { status } of runs) retrains[status] = (retrains[status] ?? 0) + 1;
  };

  await teachHistory(
    client,
    recipe,
    rows.filter(({ at }) => at < from),
    onProgress,
  );
  await retrain(from);
  let retrainedAt = from;
  const played: Played[] = [];
  const days = [...Map.groupBy(asked, ({ at }) => Math.floor(at / dayMs))].sort(([a], [b]) => a - b);
  let yesterday: { id: string; label: string }[] = [];
  for (const [i, [day, today]] of days.entries()) {
    // Nobody asks before what was learned yesterday is told.
    await tell(client, recipe.name, yesterday, day * dayMs);
    if (day * dayMs - retrainedAt >= policy.retrainEverySeconds * 1_000) {
      retrainedAt = day * dayMs;
      await retrain(retrainedAt);
    }
    const ids = today.map((row, n) => mintId({ model: recipe.name, region: row.region }, `${day}-${n}-${run}`));
    const answers = await askDay(client, recipe.name, today, ids);
    played.push(...today.map((row, n) => playedOf(recipe, row, answers[n] as Answer)));
    yesterday = today.map(({ label }, n) => ({ id: ids[n] as string, label }));
    onProgress("playing", i + 1, days.length);
  }
  return {
    model: recipe.name,
    from: isoDay(from),
    to: isoDay(asked.at(-1)?.at ?? to),
    ...summarise(played),
    byYear: summariseBy(played, ({ at }) => String(new Date(at).getUTCFullYear())),
    byRegion: summariseBy(played, ({ region }) => region),
    retrains,
    seconds: (Date.now() - startedAt) / 1_000,
  };
}

async function teachHistory(
  client: UpriverClient,
  recipe: Recipe,
  rows: readonly Row[],
  onProgress: PlayOptions["onProgress"],
): Promise<void> {
  let done = 0;
  // By region: each request is one object's work.
  for (const [region, known] of Map.groupBy(rows, (row) => row.region)) {
    for (let first = 0; first < known.length; first += batchSize) {
      const batch = known.slice(first, first + batchSize);
      const truths = batch.map(({ at, instance, label }, n) => {
        const id = mintId({ model: recipe.name, region }, `${at}-${first + n}`);
        return { label, question: { id, region, instance, at } };
      });
      // A label is known the day after: the last of the batch is known when all are.
      await client.truths(recipe.name, { truths, at: (batch.at(-1)?.at ?? 0) + dayMs });
      done += batch.length;
      onProgress("teaching what was known before", done, rows.length);
    }
  }
}

async function askDay(client: UpriverClient, model: string, rows: readonly Row[], ids: readonly string[]) {
  const questions = rows.map(({ region, instance, at }, n) => ({ id: ids[n] as string, region, instance, at }));
  const answers: Answer[] = [];
  for (let first = 0; first < questions.length; first += batchSize) {
    answers.push(...(await client.askQuestions(model, questions.slice(first, first + batchSize), { trace: true })));
  }
  return answers;
}

async function tell(client: UpriverClient, model: string, truths: { id: string; label: string }[], at: number) {
  for (let first = 0; first < truths.length; first += batchSize) {
    await client.truths(model, { truths: truths.slice(first, first + batchSize), at });
  }
}

function playedOf({ labels }: Recipe, { at, region, label }: Row, { status, rung, trace = [] }: Answer): Played {
  const scoresOf = (head: HeadName) => trace.find((entry) => entry.head === head)?.scores;
  const scores = heads.flatMap((head) => {
    const found = scoresOf(head);
    return found ? [[head, found] as const] : [];
  });
  const answeredBy = status === "open" ? "human" : rung;
  return { at, region, label: labels.indexOf(label), rung: answeredBy, scores: Object.fromEntries(scores) };
}

function isoDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
