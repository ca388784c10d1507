import { type Operations, operations, usdOf } from "#core/cost/index.ts";
import type { Billed } from "#core/cost/prices.ts";
import { bytes, count, dollars } from "#core/format.ts";
import { type Plot, plot } from "#origin/report/charts.ts";
import { formatTable } from "../../local/output.ts";
import type { Day, Hour } from "./day.ts";
import { type Load, loadAt, type Needs, objectPerSecond } from "./estimate.ts";
import type { ObjectTally } from "./objects.ts";
import type { Compared } from "./real-isolate.ts";
import type { World } from "./traffic.ts";

/** What one object did in the hour in which it did most, in a second, and its size at the end of the day. */
export interface Busiest {
  object: string;
  requests: number;
  rowsWritten: number;
  bytes: number;
  /** Days until what it stores fills an object, if nothing is deleted; questions are after 90 days. */
  daysToFull: number;
}

/** The result of a day. */
export interface ScaleResult {
  world: World;
  needs: Needs;
  asked: Day["asked"] & { questions: number };
  /** All that is billed of the day, and for a million questions. */
  total: Operations;
  usdPerMillion: number;
  /** Of each hour, in a second: all questions, requests of the registry, of the region that is asked most, of all others. */
  hours: { hour: number; questions: number; registry: number; hottest: number; regions: number }[];
  busiest: Busiest[];
  /** Requests a second of the regions in the whole day, the most asked first. */
  regions: number[];
  /** Bytes that a stored question takes in its region. */
  bytesPerQuestion: number;
  compared: Compared[] | null;
  /** What the model of isolates says of this day's rate, and what was counted. */
  check: { name: string; estimated: number; counted: number }[];
  estimates: (Load & { perSecond: number })[];
}

const hoursPerDay = 24;
const secondsPerDay = 86_400;
/** The most that an object stores. */
const objectBytes = 10e9;
const estimatedAt = [1e3, 1e4, 1e5, 1e6];
const shown = 6;

/** Sums up a day. */
export function resultOf(world: World, needs: Needs, day: Day, compared: Compared[] | null): ScaleResult {
  const last = day.hours.at(-1) as Hour;
  const secondsPerHour = world.daySeconds / hoursPerDay;
  const perSecond = (hour: number, key: (key: string) => boolean, what: string) => {
    const sum = (at: number) =>
      Object.entries(day.hours[at]?.tallies ?? {}).reduce(
        (n, [name, tally]) => (key(name) ? n + (tally[what] ?? 0) : n),
        0,
      );
    return (sum(hour) - (hour > 0 ? sum(hour - 1) : 0)) / secondsPerHour;
  };
  const hours = Array.from({ length: hoursPerDay }, (_, hour) => hour);
  const objects = Object.keys(last.tallies).filter((key) => key !== "edge");
  const most = (object: string, what: string) =>
    Math.max(...hours.map((hour) => perSecond(hour, (key) => key === object, what)));
  const isRegion = (key: string) => key.startsWith("REGION ");
  const regions = objects.filter(isRegion).map((key) => (last.tallies[key]?.objectRequests ?? 0) / world.daySeconds);
  regions.sort((a, b) => b - a);
  const hottest = objects.filter(isRegion).sort((a, b) => requestsOf(last.tallies[b]) - requestsOf(last.tallies[a]))[0];
  const questions = last.questions;
  const empty = Math.min(...objects.filter(isRegion).map((key) => last.tallies[key]?.bytes ?? 0));
  const total = totalOf(day, questions);
  const sizeOf = (bytes: number) => {
    const perDay = (Math.max(0, bytes - empty) / world.daySeconds) * secondsPerDay;
    return { bytes, daysToFull: objectBytes / perDay };
  };
  const load = loadAt(world, needs, world.perSecond);
  const stored = day.asked.escalated + day.asked.kept;
  const grown = objects.filter(isRegion).reduce((sum, key) => sum + (last.tallies[key]?.bytes ?? 0) - empty, 0);
  return {
    ...{ world, needs, total, regions, compared },
    asked: { questions, ...day.asked },
    usdPerMillion: (1e6 * usdOf(total)) / questions,
    hours: hours.map((hour) => ({
      hour,
      questions: ((day.hours[hour]?.questions ?? 0) - (day.hours[hour - 1]?.questions ?? 0)) / secondsPerHour,
      registry: perSecond(hour, (key) => key.startsWith("REGISTRY "), "objectRequests"),
      hottest: perSecond(hour, (key) => key === hottest, "objectRequests"),
      regions: perSecond(hour, (key) => isRegion(key) && key !== hottest, "objectRequests"),
    })),
    busiest: objects
      .map((object) => ({
        ...{ object, requests: most(object, "objectRequests"), rowsWritten: most(object, "rowsWritten") },
        ...sizeOf(last.tallies[object]?.bytes ?? 0),
      }))
      .sort((a, b) => b.requests - a.requests)
      .slice(0, shown),
    bytesPerQuestion: stored === 0 ? 0 : grown / stored,
    check: checkOf(day, load, world),
    estimates: estimatedAt.map((perSecond) => ({ perSecond, ...loadAt(world, needs, perSecond) })),
  };
}

const requestsOf = (tally: ObjectTally | undefined) => tally?.objectRequests ?? 0;

function totalOf({ hours, isolates }: Day, questions: number): Operations {
  const total: Operations = { workerRequests: questions, workerCpuMs: operations.edge.workerCpuMs * questions };
  for (const tally of Object.values(hours.at(-1)?.tallies ?? {})) {
    for (const [name, n] of Object.entries(tally)) {
      const what = name === "alarms" ? "objectRequests" : name;
      if (what !== "bytes") total[what as Billed] = (total[what as Billed] ?? 0) + n;
    }
  }
  total.kvReads = (total.kvReads ?? 0) + isolates.reduce((sum, { kvReads }) => sum + kvReads, 0);
  return total;
}

function checkOf({ isolates }: Day, load: Load, { daySeconds }: World): ScaleResult["check"] {
  const called = (method: string) => isolates.reduce((sum, { calls }) => sum + (calls[method] ?? 0), 0) / daySeconds;
  return [
    { name: "batches of counts", estimated: load.batches, counted: called("addCounts") },
    { name: "head pointers", estimated: load.headless, counted: called("headPointersAt") },
    { name: "reads of the tokens", estimated: load.tokens, counted: called("sync") },
    {
      name: "reads of KV",
      estimated: load.kvReads,
      counted: isolates.reduce((sum, { kvReads }) => sum + kvReads, 0) / daySeconds,
    },
  ];
}

/** Says what a day took, and which object comes first to its limits. */
export function describe(result: ScaleResult, out: string | undefined): string {
  const { world, needs, asked, total, busiest, compared, check, estimates } = result;
  const share = (n: number) => `${((100 * n) / objectPerSecond).toFixed(1)}%`;
  const perSecond = (n: number) => (n < 10 ? n.toFixed(2) : count(Math.round(n)));
  return [
    `${count(asked.questions)} questions in ${world.daySeconds} s (a day, shortened), to ${count(world.regions)} regions through ${count(world.isolates)} isolates: ${count(asked.escalated)} escalated, ${count(asked.kept)} kept, ${count(asked.labels)} labelled late; ${asked.failed} calls failed`,
    formatTable([
      ["billed", "a day", "a question", "usd / million"],
      ...(Object.entries(total) as [Billed, number][]).map(([name, n]) => [
        ...[name, count(Math.round(n)), (n / asked.questions).toFixed(3)],
        dollars((1e6 * usdOf({ [name]: n })) / asked.questions),
      ]),
      ["all", "", "", dollars(result.usdPerMillion)],
    ]),
    `${Math.round(result.bytesPerQuestion)} bytes a stored question`,
    formatTable([
      ["object", "requests/s in its busiest hour", "of 1,000/s", "rows written/s", "size", "10 GB after"],
      ...busiest.map(({ object, requests, rowsWritten, bytes: size, daysToFull }) => [
        ...[object, perSecond(requests), share(requests), perSecond(rowsWritten), bytes(size)],
        object.startsWith("REGION ") ? `${perSecond(daysToFull)} days` : "",
      ]),
    ]),
    ...(compared
      ? [
          formatTable([
            ["a real isolate, and simulated", "questions", "KV reads", "registry", "tokens"],
            ...compared.map(({ perSecond: rate, questions, real, simulated }) => [
              ...[`${rate}/s`, questions, `${real.kvReads}, ${simulated.kvReads}`],
              ...[`${real.registry}, ${simulated.registry}`, `${real.tokens}, ${simulated.tokens}`],
            ]),
          ]),
        ]
      : []),
    formatTable([
      ["a second, all isolates", "by the formula", "counted"],
      ...check.map(({ name, estimated, counted }) => [name, perSecond(estimated), perSecond(counted)]),
    ]),
    formatTable([
      [
        "questions/s",
        "isolates",
        "hot region",
        "count batches",
        "rows of counts",
        "head pointers",
        "reports",
        "tokens",
        "KV reads",
      ],
      ...estimates.map((load) => [
        ...[count(load.perSecond), count(load.isolates), perSecond(load.hotRegion), perSecond(load.batches)],
        ...[perSecond(load.batchRows), perSecond(load.headless), perSecond(load.reports)],
        ...[perSecond(load.tokens), perSecond(load.kvReads)],
      ]),
    ]),
    `Requests (and rows) a second of single objects, estimated: an object takes about ${count(objectPerSecond)}. ${needs.escalated * 100}% escalate, ${needs.kept * 100}% are kept, ${needs.labelled * 100}% get a label.`,
    ...(out ? [`Plots: ${out}`] : []),
  ].join("\n\n");
}

/** Draws a day as SVG, by the name of the plot. */
export async function chartsOf(result: ScaleResult): Promise<Record<string, string>> {
  const day: Plot = {
    ...{ x: "hour", y: "a second", series: "of" },
    rows: result.hours.flatMap(({ hour, ...rates }) => {
      return Object.entries(rates).map(([of, rate]) => ({ hour, "a second": rate, of }));
    }),
  };
  const regions: Plot = {
    ...{ x: "rank of the region", y: "requests a second", logX: true, logY: true },
    rows: result.regions.flatMap((rate, i) =>
      rate > 0 ? [{ "rank of the region": i + 1, "requests a second": rate }] : [],
    ),
  };
  const curve = Array.from({ length: 25 }, (_, i) => 10 ** (2 + i / 6));
  const estimate: Plot = {
    ...{ x: "questions a second", y: "a second", series: "object", logX: true, logY: true, limit: objectPerSecond },
    rows: curve.flatMap((perSecond) => {
      const load = loadAt(result.world, result.needs, perSecond);
      const lines = {
        "hottest region": load.hotRegion,
        "count batches": load.batches,
        "rows of counts": load.batchRows,
        "head pointers": load.headless,
        reports: load.reports,
        tokens: load.tokens,
      };
      return Object.entries(lines).map(([object, rate]) => ({
        "questions a second": perSecond,
        "a second": rate,
        object,
      }));
    }),
  };
  return { day: await plot(day), regions: await plot(regions), estimate: await plot(estimate) };
}
