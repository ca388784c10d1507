import type { UpriverClient } from "#client/index.ts";
import { type Answer, bodyMaxBytes } from "#core/contract/index.ts";
import { mintId } from "#core/ids.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { type CertificateLook, looksOf } from "./certificates.ts";
import { type Day, dayMs, yearOf } from "./days.ts";
import { learnAbove, type OriginTraining } from "./learn-above.ts";
import { type HeadsByRegion, headsOf } from "./once.ts";
import { emptyPlayed, type Played, record } from "./played.ts";
import { retrainAll } from "./retrain.ts";

export type OnProgress = (phase: string, done: number, total: number) => void;

interface WalkOptions {
  /** Start of the first day; earlier rows are taught. */
  from: number;
  /** Data time between retrains, by the model's schedule. */
  retrainEveryMs: number;
  /** Whether the origin trains on the regions' samples at the start of each year. */
  learnsAbove: boolean;
  onProgress: OnProgress;
}

/** The result of a walk through the days. */
interface WalkResult {
  played: Played;
  /** Each region's certificate at the end of each year. */
  looks: CertificateLook[];
  /** Number of retrains by outcome. */
  retrains: Record<string, number>;
  origin: OriginTraining[];
  /** The heads after the first retrain; null when no region has its own. */
  firstHeads: HeadsByRegion | null;
}

/** Most questions or truths in one request, and most bytes of their instances: half of a request body. */
const batchMax = 1_000;
const batchMaxBytes = bodyMaxBytes / 2;

/**
 * Walks a recipe's rows through the running ladder in time order. Earlier rows are taught first. Then each day's rows are
 * asked, and their truths are taught the day after. Regions retrain by the model's schedule.
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
  const recordCertificates = async (at: number, rows: number) => {
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
    // Yesterday's truths are taught before today's questions.
    await teachTruths(client, model, yesterday.truths, at);
    if (done > 0 && yearOf(at) !== yearOf(yesterday.at)) {
      await recordCertificates(yesterday.at, done);
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
  // The last certificates include the last day.
  await teachTruths(client, model, yesterday.truths, yesterday.at + dayMs);
  await recordCertificates(yesterday.at, done);
  return { played, looks, retrains, origin, firstHeads };
}

async function teach(client: UpriverClient, model: string, rows: readonly Row[], onProgress: OnProgress) {
  let done = 0;
  const batchSize = batchSizeOf(rows);
  // By region, so that each request goes to one object.
  for (const [region, known] of Map.groupBy(rows, (row) => row.region)) {
    for (let first = 0; first < known.length; first += batchSize) {
      const batch = known.slice(first, first + batchSize);
      const truths = batch.map(({ at, instance, label }, n) => {
        const id = mintId({ model, region }, `${at}-${first + n}`);
        return { label, question: { id, region, instance, at } };
      });
      // A label is known the day after, so all labels of the batch are known a day after its last row.
      await client.teachMany(model, { truths, at: (batch.at(-1)?.at ?? 0) + dayMs });
      done += batch.length;
      onProgress("teaching earlier data", done, rows.length);
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

async function teachTruths(client: UpriverClient, model: string, truths: { id: string; label: string }[], at: number) {
  for (let first = 0; first < truths.length; first += batchMax) {
    await client.teachMany(model, { truths: truths.slice(first, first + batchMax), at });
  }
}

function batchSizeOf([row]: readonly Row[]): number {
  const bytes = JSON.stringify(row?.instance ?? {}).length;
  return Math.min(batchMax, Math.max(1, Math.floor(batchMaxBytes / bytes)));
}
