import { seriesRanges } from "../contract/index.ts";
import { type Operations, operations, sumOf, usdOf, waiting } from "./index.ts";
import { type Billed, paidUsdPerMonth, prices, storagePrices } from "./prices.ts";

/** What a deployment does on a usual day. Shares are of all its questions. */
export interface Deployment {
  questionsPerDay: number;
  /** The hours of a day in which the questions come. */
  hoursPerDay: number;
  /** Isolates that are asked in these hours, and the regions whose questions reach one of them. */
  isolates: number;
  regionsPerIsolate: number;
  regions: number;
  /** Questions that the region stores beside those that escalate: audits, or all. */
  kept: number;
  /** Questions that escalate, and end in the region, at the origin, or at a decision model; `waitMs` is how long those take. */
  ended: { region: number; origin: number; decision: number };
  waitMs: number;
  /** Questions that people answer, and truths that are taught in batches. */
  reviewed: number;
  taught: number;
  /** Retrains of each region in a day, each of so many samples. */
  retrains: number;
  samples: number;
  /** New versions in a month. */
  versions: number;
  /** Hours in a day in which a tab shows the console's overview. */
  consoleHours: number;
}

const daysPerMonth = 30;
/** What a stored question takes: its instance, answer, embedding and indexes (`npm run simulate -- scale`), for 90 days. */
const storedBytes = 1_400;
const storedDays = 90;
/** How often an open overview asks in an hour: for all models, for the steps of one model's charts, and for what needs attention. */
export const overviewPerHour = { looks: 1_800, series: 240, needs: 120 } as const;
/** How often an isolate or a region that is asked does something again at most, in seconds. */
const everySeconds = { pointers: 5, flush: 2, tokens: 20, headless: 600, alarm: 9, report: 10 } as const;
/** Isolates live some hours. */
const startsPerIsolateDay = 4;
/** The cron runs and the registry compares KV with its pointers every hour. */
const hours = 24;

/** Counts the operations of a usual day, by what causes them. */
export function dayOf(deployment: Deployment): Record<string, Operations> {
  const { questionsPerDay: n, isolates, regions, regionsPerIsolate: near, hoursPerDay, ended, waitMs } = deployment;
  const seconds = hoursPerDay * 3_600;
  const perIsolate = n / isolates / seconds;
  /** How often one isolate does what it does at most once in a time, when `perSecond` questions need it. */
  const times = (perSecond: number, every: number) => (isolates * seconds * perSecond) / (1 + every * perSecond);
  const batches = times(perIsolate, everySeconds.flush);
  const perRegion = (share: number) => (n * share) / regions / seconds;
  const above = ended.origin + ended.decision;
  const versionsPerDay = deployment.versions / daysPerMonth;
  const escalations = perRegion(above + ended.region);
  const changes = escalations + perRegion(deployment.kept + deployment.taught);
  const reports = (every: number) => (regions * seconds * changes) / (1 + every * changes);
  return {
    questions: sumOf([operations.edge, n]),
    "pointers and tokens": sumOf(
      [operations.modelPointer, times(perIsolate, everySeconds.pointers)],
      [operations.headPointer, near * times(perIsolate / near, everySeconds.pointers)],
      [operations.confirmHeadless, near * times(perIsolate / near, everySeconds.headless)],
      [operations.tokens, times(perIsolate, everySeconds.tokens)],
      [operations.coldStart, isolates * startsPerIsolateDay],
    ),
    counts: sumOf(
      [operations.flush, batches],
      [operations.flushRow, near * times(perIsolate / near, everySeconds.flush)],
      [operations.report, reports(Math.max(everySeconds.report, 0.25 * regions))],
      [operations.trailingReport, reports(Math.max(everySeconds.report, Math.min(600, regions)))],
    ),
    kept: sumOf([operations.kept, n * deployment.kept]),
    escalated: sumOf(
      [operations.region, n * ended.region],
      [operations.origin, n * ended.origin],
      [operations.decision, n * ended.decision],
      [operations.alarm, (regions * seconds * escalations) / (1 + everySeconds.alarm * escalations)],
    ),
    "waiting above": above === 0 ? {} : sumOf([waiting(waitMs, perRegion(above)), n * above]),
    people: sumOf([operations.reviewed, n * deployment.reviewed]),
    labels: sumOf([operations.taughtInBatch, n * deployment.taught]),
    retrains: sumOf(
      [operations.retrain, regions * deployment.retrains],
      [operations.retrainSample, regions * deployment.retrains * deployment.samples],
      [operations.retrainNewSample, n * deployment.taught],
    ),
    versions: sumOf(
      [operations.version, versionsPerDay],
      [operations.prepare, regions * versionsPerDay],
      [operations.retrain, regions * versionsPerDay],
      [operations.retrainSample, regions * versionsPerDay * deployment.samples],
      [operations.retrainNewSample, regions * versionsPerDay * deployment.samples],
    ),
    console: sumOf([overviewHour(regions), deployment.consoleHours]),
    "every hour": sumOf([operations.registryHour, hours], [operations.registryHourHead, hours * regions]),
  };
}

/** An isolate lists the models this often an hour, and the overview so many regions that need attention. */
const namesPerHour = 120;
const needyMax = 20;

/** Counts the operations of an hour with an open overview, of one model whose regions all need attention. */
export function overviewHour(regions: number): Operations {
  const { looks, series, needs } = overviewPerHour;
  return sumOf(
    [operations.look, looks],
    [operations.lookNames, namesPerHour],
    [operations.lookModel, looks],
    [operations.lookRegion, regions * looks],
    [operations.lookSeries, series],
    [operations.lookStep, series * seriesRanges.hour.steps],
    [operations.lookNeeds, needs],
    [operations.lookNeedy, needs * Math.min(needyMax, regions)],
    // The origin's trainings are read besides.
    [{ workerRequests: 1 }, needs],
  );
}

/** The bill of a month on the paid plan, in US dollars. */
export interface Bill {
  usd: number;
  /** By what is billed, beyond what the plan includes. */
  items: Partial<Record<Billed | "storage", number>>;
  /** By what causes it, as if the plan included nothing. */
  causes: Record<string, number>;
}

/** Adds up the bill of a month on the paid plan. */
export function billOf(deployment: Deployment): Bill {
  const day = dayOf(deployment);
  const items: Bill["items"] = {};
  for (const [name, perDay] of entriesOf(totalOf(day))) {
    const { usdPerMillion, paidPerMonth } = prices[name];
    const usd = (Math.max(0, perDay * daysPerMonth - paidPerMonth) * usdPerMillion) / 1e6;
    if (usd > 0) items[name] = usd;
  }
  const { usdPerGbMonth, includedGb } = storagePrices.objects;
  const storage = Math.max(0, storedGb(deployment) - includedGb) * usdPerGbMonth;
  if (storage > 0) items.storage = storage;
  const causes = Object.fromEntries(Object.entries(day).map(([cause, what]) => [cause, daysPerMonth * usdOf(what)]));
  return { usd: Object.values(items).reduce((sum, usd) => sum + usd, paidUsdPerMonth), items, causes };
}

/** How much of each daily limit of the free plan a deployment uses, as a share; above 1 it does not run there. */
export function freePlanUse(deployment: Deployment): Partial<Record<Billed | "storage", number>> {
  const used: Partial<Record<Billed | "storage", number>> = {};
  for (const [name, perDay] of entriesOf(totalOf(dayOf(deployment)))) {
    const { freePerDay } = prices[name];
    if (freePerDay !== null) used[name] = perDay / freePerDay;
  }
  return { ...used, storage: storedGb(deployment) / storagePrices.objects.includedGb };
}

/** How many questions a day the free plan takes, with the shares of this deployment, and what ends it. */
export function freePlanMost(deployment: Deployment): { questionsPerDay: number; limit: string } {
  let [low, high] = [0, 100_000];
  const isWithin = (questionsPerDay: number) =>
    Object.values(freePlanUse({ ...deployment, questionsPerDay })).every((share) => share <= 1);
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (isWithin(middle)) low = middle;
    else high = middle;
  }
  const [limit = ""] =
    Object.entries(freePlanUse({ ...deployment, questionsPerDay: high })).sort((a, b) => b[1] - a[1])[0] ?? [];
  return { questionsPerDay: low, limit };
}

function totalOf(day: Record<string, Operations>): Operations {
  return sumOf(...Object.values(day).map((what) => [what, 1] as const));
}

function storedGb({ questionsPerDay, kept, ended }: Deployment): number {
  const stored = questionsPerDay * (kept + ended.region + ended.origin + ended.decision);
  return (stored * storedDays * storedBytes) / 1e9;
}

function entriesOf(what: Operations): [Billed, number][] {
  return Object.entries(what) as [Billed, number][];
}
