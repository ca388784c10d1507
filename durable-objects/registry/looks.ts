import { newsOf, queueNews } from "#core/alerts.ts";
import { leftMs } from "#core/clock.ts";
import type { CanaryState, Counts, QuestionBrief, SeriesRange } from "#core/contract/index.ts";
import { sumCounts } from "#core/counts.ts";
import { own } from "#core/own.ts";
import { type NeedyState, needOf } from "#core/region-need.ts";
import { addTotals, countsByBase, noTotals, type RegionTotals, totalsOf } from "#core/region-totals.ts";
import { watchedCanary } from "#core/watched-canary.ts";
import { within } from "#core/within.ts";
import type { Jobs } from "../jobs.ts";
import type { RegionActivity, RegionReport } from "../region/api.ts";
import type { Alerting } from "./alerting.ts";
import type { CountedStep, LookRequest, RegionNews, RegistryLook, ReportReceipt } from "./api.ts";
import type { GroupCertificates } from "./group-certificates.ts";
import type { Outages } from "./outages.ts";
import type { Rollout } from "./rollout.ts";
import type { Spendings } from "./spendings.ts";
import type { EdgeCounts } from "./tables/edge-counts.ts";
import type { Reports } from "./tables/reports.ts";
import type { SeriesTable } from "./tables/series.ts";

/** A region reports this often while something changes there; with many regions less often, so that all send 4 a second. */
const reportEveryMs = 10_000;
/** On a node no row is billed, and reports say what is to go up. */
const reportEveryMsOnNode = 1_000;
const reportEveryMsPerRegion = 250;
/** The last change before a pause takes a job, and so more rows: all regions have one a second, each at least every ten minutes. */
const trailingMsPerRegion = 1_000;
const trailingMaxMs = 10 * 60_000;
/** A first report this long after its region registered, as after a restore, counts what is long past: no series shows it as new. */
const lateReportMs = 2 * trailingMaxMs;
/** Regions that a look names where something is wrong with them. */
const namedMax = 100;
/** The newest questions of all regions that are kept in memory. */
const recentMax = 200;
/** Regions that are asked at once, and how long a reply may take. */
const askedAtOnce = 32;
const askTimeoutMs = 10_000;
/** How long regions that did not reply are left alone. */
const askAgainMs = 60_000;

/** What looking needs. */
interface Needs {
  isOnNode: boolean;
  reports: Reports;
  edgeCounts: EdgeCounts;
  series: SeriesTable;
  alerting: Pick<Alerting, "raise">;
  outages: Pick<Outages, "note">;
  rollout: Pick<Rollout, "pointer">;
  canary: () => CanaryState | null;
  groups: Pick<GroupCertificates, "state">;
  spendings: Pick<Spendings, "state">;
  jobs: Pick<Jobs, "bringForward">;
  /** Asks a region for its report. */
  readRegion: (region: string, base: number) => Promise<RegionReport>;
  transaction: <T>(work: () => T) => T;
}

/** What this instance keeps in memory, so that a look reads no row of a region that it does not list. */
interface Sums {
  totals: RegionTotals;
  missing: Set<string>;
  breakersOpen: Set<string>;
  /** Regions in which the rung above fails: until it has answered there, also while it is tried again. */
  failing: Set<string>;
  /** How much each region needs somebody's attention; those that need none are left out. */
  needs: Map<string, number>;
  /** The newest questions, the newest first. */
  recent: QuestionBrief[];
  asOf: number | null;
}

/** Keeps what the regions report, and shows all of them together. */
export class Looks {
  private readonly needs: Needs;
  private sums: Sums | null = null;
  /** The pointer that the reports were last compared with, and when regions were last asked. */
  private checkedWith = "";
  private askedAt = 0;
  private askedAfter = "";

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Takes a region's report in place of the one before; null for an unknown region. */
  take(region: string, sent: RegionReport): ReportReceipt | null {
    const { reports, series, alerting, outages, transaction } = this.needs;
    const [known] = reports.of([region]);
    if (!known) return null;
    const above = aboveOf(sent, known.report);
    const report = above ? { ...sent, activity: { ...sent.activity, above } } : sent;
    const sums = this.all();
    // Summed again where this is undone.
    this.sums = null;
    const now = Date.now();
    transaction(() => {
      series.note(now, () => this.countsOf(sums));
      if (!known.report && now - reports.registeredAt(region) > lateReportMs) {
        series.leaveOut(sumCounts(report.activity.versions.map(({ counts }) => counts)));
      }
      reports.set(region, report, now);
      const openBefore = known.report?.activity.open ?? 0;
      const { open } = sums.totals;
      alerting.raise([
        ...(hasBrief(known.report) ? newsOf(region, known.report && needyOf(known.report), needyOf(report)) : []),
        ...queueNews(open, open - openBefore + report.activity.open),
      ]);
      if (above === "fails") outages.note();
    });
    if (known.report) addTotals(sums.totals, totalsOf(known.report), -1);
    this.sums = sums;
    addReport(sums, region, report, now);
    const { regions } = sums.totals;
    const leastMs = this.needs.isOnNode ? reportEveryMsOnNode : reportEveryMs;
    const everyMs = Math.max(leastMs, regions * reportEveryMsPerRegion);
    const trailingMs = Math.max(everyMs, Math.min(trailingMaxMs, regions * trailingMsPerRegion));
    return { base: this.baseOf(region), everyMs, trailingMs };
  }

  /** Notes that the edge is about to count what it answered by itself. */
  noteSeries(): void {
    this.needs.series.note(Date.now(), () => this.countsOf(this.all()));
  }

  /** Lists the newest questions of some regions, or of all. */
  recentQuestions(only: readonly string[] | null): QuestionBrief[] {
    return (only === null ? this.all() : this.sumsOf(only)).recent;
  }

  /** Returns what was counted over time. */
  series(range: SeriesRange): CountedStep[] {
    return this.needs.series.read(range, Date.now(), this.countsOf(this.all()));
  }

  look({ only, list, group, budget }: LookRequest): RegistryLook {
    const { edgeCounts, rollout, groups, spendings } = this.needs;
    const pointer = rollout.pointer();
    const all = this.all();
    this.askWhereNeeded(all);
    const sums = only === null ? all : this.sumsOf(only);
    const totals = structuredClone(sums.totals);
    const edge = only === null ? [edgeCounts.totals()] : ["", ...only].map((name) => countsByBase(edgeCounts.of(name)));
    for (const counts of edge) addTotals(totals, { counts });
    const { found, next } = list ? this.list(only, list, sums) : { found: [], next: null };
    return {
      ...{ pointer, canary: watchedCanary(this.needs.canary()), totals, asOf: sums.asOf, next },
      group: group ? groups.state(group.base, group) : null,
      spending: budget ? spendings.state(budget.usdPerMonth) : null,
      regions: found.map((seen) => ({ ...seen, edge: edgeCounts.of(seen.region) })),
      missing: sums.missing.size,
      unanswered: [...sums.missing].slice(0, namedMax),
      breakersOpen: [...sums.breakersOpen].slice(0, namedMax),
    };
  }

  /** Lists the regions in which the rung above fails, and says how many regions there are. */
  failing(): { names: string[]; of: number } {
    const { failing, totals } = this.all();
    return { names: [...failing].sort(), of: totals.regions };
  }

  news(since: number): RegionNews {
    return this.needs.reports.news(since);
  }

  /** Runs the job `ask-regions`: asks some regions whose report is missing, or of a version that does not serve them now. */
  async ask(): Promise<number | null> {
    const { reports, readRegion } = this.needs;
    const due: { region: string; base: number }[] = [];
    for (const { region, base } of reports.bases(this.askedAfter)) {
      const serves = this.baseOf(region);
      if (serves !== null && base !== serves) due.push({ region, base: serves });
      if (due.length === askedAtOnce) break;
    }
    this.askedAfter = due.at(-1)?.region ?? "";
    if (due.length === 0) return null;
    await Promise.all(
      due.map(async ({ region, base }) => {
        const late = () => Promise.reject(new Error(`no reply within ${askTimeoutMs} ms`));
        try {
          this.take(region, await within(askTimeoutMs, readRegion(region, base), late));
        } catch (error) {
          console.warn(JSON.stringify({ event: "region-not-read", region, error: String(error) }));
          // A later look asks again.
          this.checkedWith = "";
        }
      }),
    );
    return Date.now();
  }

  /** Notes that a region has registered. */
  expect(region: string): void {
    this.sums?.missing.add(region);
  }

  /** Forgets a region, before what the edge counted of it is forgotten. */
  forgetRegion(region: string): void {
    const { reports, edgeCounts, series } = this.needs;
    const gone = reports.of([region]).flatMap(({ report }) => report?.activity.versions ?? []);
    series.keepGone(sumCounts([...gone, ...edgeCounts.of(region)].map(({ counts }) => counts)));
    reports.delete(region);
    this.reset();
  }

  /** Reads the tables again at the next look: they were replaced. */
  reset(): void {
    this.sums = null;
  }

  private all(): Sums {
    if (this.sums) return this.sums;
    const sums = noSums();
    for (const { region, report, asOf } of this.needs.reports.all()) addReport(sums, region, report, asOf);
    this.sums = sums;
    return sums;
  }

  private sumsOf(only: readonly string[]): Sums {
    const sums = noSums();
    for (const { region, report, asOf } of this.needs.reports.of(only)) addReport(sums, region, report, asOf);
    return sums;
  }

  private countsOf({ totals }: Sums): Counts {
    return sumCounts([...Object.values(totals.counts), ...Object.values(this.needs.edgeCounts.totals())]);
  }

  private list(only: readonly string[] | null, list: NonNullable<LookRequest["list"]>, sums: Sums) {
    const { reports } = this.needs;
    if (list.by === "need") {
      const neediest = [...sums.needs].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).slice(0, list.limit);
      const found = new Map(reports.of(neediest.map(([name]) => name)).map((seen) => [seen.region, seen]));
      return { found: neediest.flatMap(([name]) => found.get(name) ?? []), next: null };
    }
    if (list.by === "age") {
      const found = only === null ? reports.byAge(list.limit) : reports.of(only).slice(0, list.limit);
      return { found, next: null };
    }
    const { after, limit } = list;
    const rest =
      only === null
        ? reports.byName(after, limit + 1)
        : reports.of(only.filter((name) => name > after).sort()).slice(0, limit + 1);
    const found = rest.slice(0, limit);
    return { found, next: rest.length > limit ? (found.at(-1)?.region ?? null) : null };
  }

  // Reports lag behind the pointer, and an object of an earlier release sends none.
  private askWhereNeeded({ missing }: Sums): void {
    const { stable, heldBack } = this.needs.rollout.pointer();
    const pointer = JSON.stringify([stable, heldBack]);
    const isAskedLately = leftMs(this.askedAt + askAgainMs, askAgainMs, Date.now()) > 0;
    if (pointer === this.checkedWith && (missing.size === 0 || isAskedLately)) return;
    this.checkedWith = pointer;
    this.askedAt = Date.now();
    this.needs.jobs.bringForward("ask-regions", "", Date.now());
  }

  private baseOf(region: string): number | null {
    const { stable, heldBack } = this.needs.rollout.pointer();
    return own(heldBack, region) ?? stable;
  }
}

function needyOf({ activity: { breaker }, state, brief }: RegionReport): NeedyState {
  return { ...(state ?? brief), breaker };
}

/** Returns whether the rung above answers a region; where the region does not know, what it said before. */
function aboveOf({ activity: { above, breaker } }: RegionReport, before: RegionReport | null): RegionActivity["above"] {
  if (breaker === "open") return "fails";
  return above ?? (before ? aboveOf(before, null) : undefined);
}

// An earlier release left out a large state without a brief of it: what it said is not known.
function hasBrief(report: RegionReport | null): boolean {
  return report === null || report.state !== null || report.brief !== undefined;
}

function noSums(): Sums {
  const [missing, breakersOpen, failing] = [new Set<string>(), new Set<string>(), new Set<string>()];
  return { totals: noTotals(), missing, breakersOpen, failing, needs: new Map(), recent: [], asOf: null };
}

function addReport(sums: Sums, region: string, report: RegionReport | null, at: number | null): void {
  sums.missing.delete(region);
  sums.breakersOpen.delete(region);
  sums.failing.delete(region);
  sums.needs.delete(region);
  if (!report) {
    sums.missing.add(region);
    return;
  }
  addTotals(sums.totals, totalsOf(report));
  if (report.activity.breaker === "open") sums.breakersOpen.add(region);
  if (aboveOf(report, null) === "fails") sums.failing.add(region);
  const others = sums.recent.filter((question) => question.region !== region);
  const newest = [...others, ...(report.activity.recent ?? [])].sort((a, b) => b.receivedAt - a.receivedAt);
  sums.recent = newest.slice(0, recentMax);
  const need = needOf(needyOf(report));
  if (need > 0) sums.needs.set(region, need);
  sums.asOf = Math.max(sums.asOf ?? 0, at ?? 0);
}
