import type { UpriverClient } from "#client/index.ts";
import { type Answer, bodyMaxBytes } from "#core/contract/index.ts";
import { mintId } from "#core/ids.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { type CertificateLook, looksOf } from "./certificates.ts";
import { type Day, dayMs, yearOf } from "./days.ts";
import { learnAbove, type OriginTraining } from "./learn-above.ts";
import { headsOf, type RegionHeads } from "./once.ts";
import { emptyPlayed, type Played, record } from "./played.ts";
import { retrainAll } from "./retrain.ts";

export type OnProgress = (phase: string, done: number, total: number) => void;

export interface WalkOptions {
  /** When the first day begins: what is before it is taught. */
  from: number;
  /** Days of data time between retrains, as the model's schedule has them. */
  retrainEveryMs: number;
  /** Whether the origin learns from the regions at every turn of a year. */
  learnsAbove: boolean;
  onProgress: OnProgress;
}

/** What a walk through the days gave. */
export interface WalkResult {
  played: Played;
  /** Each region's certificate at the end of each year. */
  looks: CertificateLook[];
  /** How many retrains ended how. */
  retrains: Record<string, number>;
  origin: OriginTraining[];
  /** The heads after the first retrain; null where the edge does not say which they are. */
  firstHeads: RegionHeads | null;
}

/** Questions and truths in one request, and what their instances may come to: half of what a body may have. */
const batchMax = 1_000;
const batchMaxBytes = bodyMaxBytes / 2;

/**
 * Walks a recipe's rows through the running ladder in time order: first what was known before is taught, then each day
 * is asked whole, and its truths are told the day after; regions retrain as the model's schedule says.
 */
export async function walk(
  client: UpriverClient,
  recipe: Recipe,
  history: readonly Row[],
  days: readonly Day[],
  { from, retrainEveryMs, learnsAbove, onProgress }: WalkOptions,
): Promise<WalkResult> {
  const model = recipe.name;
  const run = Date.now().toString(36);
  const asked = days.flatMap(({ rows }) => rows);
  const regions = [...new Set([...history, ...asked].map(({ region }) => region))].sort();
  const played = emptyPlayed(asked.length, recipe.labels.length);
  const looks: CertificateLook[] = [];
  const retrains: Record<string, number> = {};
  const origin: OriginTraining[] = [];
  const retrain = async (at: number) => {
    const runs = await retrainAll(client, model, regions, at, (done) => onProgress("retraining", done, regions.length));
    for (const { status } of runs) retrains[status] = (retrains[status] ?? 0) + 1;
  };
  const look = async (at: number, rows: number) => {
    looks.push(...looksOf(await client.regions(model), yearOf(at), rows));
  };

  await teach(client, model, history, onProgress);
  await retrain(from);
  const firstHeads = await headsOf(client, model, regions);
  let retrainedAt = from;
  let done = 0;
  let yesterday: { at: number; truths: { id: string; label: string }[] } = { at: from, truths: [] };
  for (const [i, { day, rows }] of days.entries()) {
    const at = day * dayMs;
    // Nobody asks before what was learned yesterday is told.
    await tell(client, model, yesterday.truths, at);
    if (done > 0 && yearOf(at) !== yearOf(yesterday.at)) {
      await look(yesterday.at, done);
      if (learnsAbove)
        origin.push(await learnAbove(client, model, at, (note) => onProgress(`origin ${note}`, i, days.length)));
    }
    if (at - retrainedAt >= retrainEveryMs) {
      retrainedAt = at;
      await retrain(at);
    }
    const ids = rows.map(({ region }, n) => mintId({ model, region }, `${day}-${n}-${run}`));
    const answers = await askDay(client, model, rows, ids);
    for (const [n, row] of rows.entries()) record(played, done + n, row, answers[n] as Answer, recipe.labels);
    done += rows.length;
    yesterday = { at, truths: rows.map(({ label }, n) => ({ id: ids[n] as string, label })) };
    onProgress("playing", i + 1, days.length);
  }
  // The last certificates are to know the last day, too.
  await tell(client, model, yesterday.truths, yesterday.at + dayMs);
  await look(yesterday.at, done);
  return { played, looks, retrains, origin, firstHeads };
}

async function teach(client: UpriverClient, model: string, rows: readonly Row[], onProgress: OnProgress) {
  let done = 0;
  const batchSize = batchSizeOf(rows);
  // By region: each request is one object's work.
  for (const [region, known] of Map.groupBy(rows, (row) => row.region)) {
    for (let first = 0; first < known.length; first += batchSize) {
      const batch = known.slice(first, first + batchSize);
      const truths = batch.map(({ at, instance, label }, n) => {
        const id = mintId({ model, region }, `${at}-${first + n}`);
        return { label, question: { id, region, instance, at } };
      });
      // A label is known the day after: the last of the batch is known when all are.
      await client.teachMany(model, { truths, at: (batch.at(-1)?.at ?? 0) + dayMs });
      done += batch.length;
      onProgress("teaching what was known before", done, rows.length);
    }
  }
}

async function askDay(client: UpriverClient, model: string, rows: readonly Row[], ids: readonly string[]) {
  const questions = rows.map(({ region, instance, at }, n) => ({ id: ids[n] as string, region, instance, at }));
  const answers: Answer[] = [];
  const batchSize = batchSizeOf(rows);
  for (let first = 0; first < questions.length; first += batchSize) {
    answers.push(...(await client.askQuestions(model, questions.slice(first, first + batchSize), { trace: true })));
  }
  return answers;
}

async function tell(client: UpriverClient, model: string, truths: { id: string; label: string }[], at: number) {
  for (let first = 0; first < truths.length; first += batchMax) {
    await client.teachMany(model, { truths: truths.slice(first, first + batchMax), at });
  }
}

function batchSizeOf([row]: readonly Row[]): number {
  const bytes = JSON.stringify(row?.instance ?? {}).length;
  return Math.min(batchMax, Math.max(1, Math.floor(batchMaxBytes / bytes)));
}
