import type { UpriverClient } from "#client/index.ts";
import { type Answer, bodyMaxBytes } from "#core/contract/index.ts";
import { mintId } from "#core/ids.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { type CertificateLook, looksOf } from "./certificates.ts";
import type { AloneAnswer } from "./choice.ts";
import { type Day, dayMs, yearOf } from "./days.ts";
import { learnAbove, type OriginTraining } from "./learn-above.ts";
import { type HeadsByRegion, headsOf } from "./once.ts";
import { emptyPlayed, type Played, record } from "./played.ts";
import { retrainAll } from "./retrain.ts";
import type { Stock } from "./stock.ts";

export type OnProgress = (phase: string, done: number, total: number) => void;

export interface WalkOptions {
  /** Start of the first day; earlier rows are taught. */
  from: number;
  /** Data time between retrains, by the model's schedule. */
  retrainEveryMs: number;
  /** Days until the label of a question is known. */
  labelDelayDays: number;
  /** Whether the origin trains on the regions' samples at the start of each year. */
  learnsAbove: boolean;
  /** The labels that each region's questions may be answered with; all unless given. */
  stock?: Stock | undefined;
  onProgress: OnProgress;
  /** Where an interrupted walk goes on, and where it is saved; it starts at the first day unless given. */
  saves?: WalkSaves | undefined;
  /** How often it is saved. */
  saveEveryMs?: number | undefined;
}

/** Keeps the state of a walk, so that an interrupted one goes on. */
export interface WalkSaves {
  read: () => WalkState | null;
  write: (state: WalkState) => void;
}

/** Truths that will be taught when they are known. */
interface Pending {
  /** The day, counted from 1970, on which they are known. */
  day: number;
  truths: { id: string; label: string }[];
}

/** What a walk has done so far. */
export interface WalkState {
  /** Makes the ids of its questions. */
  run: string;
  /** The index of the next day. */
  next: number;
  /** Questions asked. */
  done: number;
  retrainedAt: number;
  lastAt: number;
  pending: Pending[];
  played: Played;
  /** Each region's certificate at the end of each year. */
  looks: CertificateLook[];
  /** Number of retrains by outcome. */
  retrains: Record<string, number>;
  origin: OriginTraining[];
  /** The heads after the first retrain; null when no region has its own. */
  firstHeads: HeadsByRegion | null;
}

/** The result of a walk through the days. */
type WalkResult = Pick<WalkState, "played" | "looks" | "retrains" | "retrainedAt" | "origin" | "firstHeads">;

const saveMs = 15_000;

/** Most questions or truths in one request, and most bytes of their instances: half of a request body. */
const batchMax = 1_000;
const batchMaxBytes = bodyMaxBytes / 2;

/**
 * Walks a recipe's rows through the running ladder in time order. Earlier rows are taught first. Then each day's rows are
 * asked, and their truths are taught when they are known. Regions retrain by the model's schedule.
 */
export async function walk(
  client: UpriverClient,
  recipe: Recipe,
  history: readonly Row[],
  days: readonly Day[],
  options: WalkOptions,
): Promise<WalkResult> {
  const { from, retrainEveryMs, labelDelayDays, learnsAbove, stock, onProgress, saves, saveEveryMs = saveMs } = options;
  const model = recipe.name;
  const asked = days.flatMap(({ rows }) => rows);
  const regions = [...new Set([...history, ...asked].map(({ region }) => region))].sort();
  const retrain = async (retrains: WalkState["retrains"], at: number) => {
    const runs = await retrainAll(client, model, regions, at, (done) => onProgress("retraining", done, regions.length));
    for (const { status } of runs) retrains[status] = (retrains[status] ?? 0) + 1;
  };
  const begin = async (): Promise<WalkState> => {
    await teach(client, model, history, onProgress);
    const retrains: WalkState["retrains"] = {};
    await retrain(retrains, from);
    return {
      ...{ run: Date.now().toString(36), next: 0, done: 0, retrainedAt: from, lastAt: from, pending: [], retrains },
      ...{ played: emptyPlayed(asked.length, recipe.labels.length, recipe.number), looks: [], origin: [] },
      firstHeads: await headsOf(client, model, regions),
    };
  };
  const state = saves?.read() ?? (await begin());
  const recordCertificates = async (at: number, rows: number) => {
    state.looks.push(...looksOf(await client.regions(model, { fresh: true }), yearOf(at), rows));
  };
  const teachKnown = async (day: number, at: number) => {
    const known = state.pending.filter((one) => one.day <= day);
    for (const { truths } of known) await teachTruths(client, model, truths, at);
    state.pending = state.pending.filter((one) => one.day > day);
  };
  let savedAt = Date.now();
  for (const { day, rows } of days.slice(state.next)) {
    const at = day * dayMs;
    await teachKnown(day, at);
    if (state.done > 0 && yearOf(at) !== yearOf(state.lastAt)) {
      await recordCertificates(state.lastAt, state.done);
      if (learnsAbove) {
        const note = (text: string) => onProgress(`origin ${text}`, state.next, days.length);
        state.origin.push(await learnAbove(client, model, at, note));
      }
    }
    if (at - state.retrainedAt >= retrainEveryMs) {
      state.retrainedAt = at;
      await retrain(state.retrains, at);
    }
    const ids = rows.map(({ region }, n) => mintId({ model, region }, `${day}-${n}-${state.run}`));
    const answers = await askDay(client, model, rows, ids, stock);
    for (const [n, row] of rows.entries()) {
      record(state.played, state.done + n, row, answers[n] as Answer, recipe.labels);
    }
    const truths = rows.map(({ label }, n) => ({ id: ids[n] as string, label }));
    // A label is never known before the day of its question is over.
    state.pending.push({ day: day + Math.max(1, Math.ceil(labelDelayDays)), truths });
    Object.assign(state, { done: state.done + rows.length, lastAt: at, next: state.next + 1 });
    if (saves && Date.now() - savedAt >= saveEveryMs) {
      savedAt = Date.now();
      saves.write(state);
    }
    onProgress("playing", state.next, days.length);
  }
  // The last certificates include the last day.
  for (const { day } of state.pending.slice()) await teachKnown(day, day * dayMs);
  await recordCertificates(state.lastAt, state.done);
  return state;
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

async function askDay(
  client: UpriverClient,
  model: string,
  rows: readonly Row[],
  ids: readonly string[],
  stock: Stock | undefined,
) {
  const questions = rows.map(({ region, instance, at }, n) => {
    const candidates = stock?.get(region);
    return { id: ids[n] as string, region, instance, at, ...(candidates ? { candidates: [...candidates] } : {}) };
  });
  const answers: Answer[] = [];
  const batchSize = batchSizeOf(rows);
  for (let first = 0; first < questions.length; first += batchSize) {
    answers.push(...(await client.askQuestions(model, questions.slice(first, first + batchSize), { trace: true })));
  }
  return answers;
}

/** Asks about some of the rows again, with each label as the only candidate, at the edge. */
export async function askAlone(
  client: UpriverClient,
  { name: model, labels }: Pick<Recipe, "name" | "labels">,
  asked: readonly Row[],
  rows: readonly number[],
  onProgress: OnProgress,
): Promise<AloneAnswer[]> {
  const all = rows.flatMap((row) => labels.map((candidate) => ({ row, candidate })));
  const found: AloneAnswer[] = [];
  const batchSize = batchSizeOf(asked);
  for (let first = 0; first < all.length; first += batchSize) {
    const batch = all.slice(first, first + batchSize);
    const questions = batch.map(({ row, candidate }) => {
      const { region, instance, at } = asked[row] as Row;
      return { region, instance, at, candidates: [candidate] };
    });
    const answers = await client.askQuestions(model, questions, { accept: "always" });
    found.push(...batch.map((one, i) => ({ ...one, answer: answers[i] as Answer })));
    onProgress("asking with one candidate alone", found.length, all.length);
  }
  return found;
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
