import type { RegionRun } from "#core/contract/index.ts";
import { addCounts } from "#core/counts.ts";
import { briefOf } from "#core/region-brief.ts";
import type { Jobs, Step } from "#objects/jobs.ts";
import type { RegistryApi, ReportReceipt } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { RegionActivity, RegionReport, RegionSummary } from "./api.ts";

/** How long changes are gathered before a report. */
const gatherMs = 1_000;
/** The pause after a report that the registry did not take: it does not know the region yet, or did not reply. */
const unknownMs = 10_000;
const failedMs = 60_000;
/** The largest report. One with more has a brief in place of the state. */
const reportMaxBytes = 64 * 1024;
/** Reading the state passes over all samples: one with 20,000 is read again after five minutes, or when a retrain has changed it. */
const stateMsPerSample = 15;
const changesState: ReadonlySet<string> = new Set(["retrain", "rule", "forget-owner"]);
/** The versions whose counts are told apart. Those of earlier ones are added to the oldest of these. */
const versionsMax = 24;

/** What reporting needs. */
interface Needs {
  region: string;
  registry: () => Pick<Remote<RegistryApi>, "report">;
  jobs: Pick<Jobs, "bringForward">;
  activity: () => RegionActivity;
  state: (base: number) => Promise<RegionSummary>;
}

/**
 * Sends the registry what looks at all regions show of this one: some seconds after a change, once for all changes until then.
 * A report has totals, so that nothing is lost with one that does not arrive.
 */
export class Reporting {
  private readonly needs: Needs;
  private isSoon = false;
  private isTrailing = false;
  /** From when on a change is reported at once, and when the last ones are. */
  private nextAt = 0;
  private trailAt = 0;
  /** The version that serves this region, as the registry said last. */
  private base: number | null = null;
  private sent = "";
  private known: { base: number; state: RegionSummary; until: number } | null = null;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Notes that something may have changed. */
  changed(): void {
    const now = Date.now();
    if (now >= this.nextAt) {
      if (this.isSoon) return;
      this.isSoon = true;
      // An object that is evicted meanwhile loses this report; the next one has its totals.
      setTimeout(() => void this.send().catch((error) => this.warn(error)), gatherMs);
    } else if (!this.isTrailing) {
      this.isTrailing = true;
      // For what changes last before a pause. A timer would keep the object awake, and billed; a job is some rows.
      this.needs.jobs.bringForward("report", "", Math.max(this.nextAt, this.trailAt));
    }
  }

  /** Returns the steps of jobs, after each of which something may have changed. */
  watched(steps: Record<string, Step>): Record<string, Step> {
    const watched = Object.entries(steps).map(([kind, step]): [string, Step] => [
      kind,
      (key, attempts) =>
        step(key, attempts).finally(() => {
          if (changesState.has(kind)) this.known = null;
          this.changed();
        }),
    ]);
    return Object.fromEntries(watched);
  }

  /** Runs the job `report`. Returns when it runs again, where it could not send. */
  async trail(): Promise<number | null> {
    this.isTrailing = false;
    await this.send();
    return this.isTrailing ? Math.max(this.nextAt, this.trailAt) : null;
  }

  /** Sends what has changed since the last report. */
  private async send(): Promise<void> {
    const { region, registry } = this.needs;
    this.isSoon = false;
    try {
      const report = await this.read();
      const text = JSON.stringify(report);
      if (report === null || text === this.sent) return;
      const receipt = await registry().report(region, report);
      this.pause(receipt ?? { everyMs: unknownMs, trailingMs: unknownMs });
      if (receipt) {
        this.sent = text;
        this.base = receipt.base;
      }
      // It has not registered yet, or another version serves it.
      if (!receipt || (receipt.base !== null && receipt.base !== report.base)) this.changed();
    } catch (error) {
      this.warn(error);
      this.pause({ everyMs: failedMs, trailingMs: failedMs });
      this.changed();
    }
  }

  private warn(error: unknown): void {
    console.warn(JSON.stringify({ event: "report-not-sent", region: this.needs.region, error: String(error) }));
  }

  private pause({ everyMs, trailingMs }: Pick<ReportReceipt, "everyMs" | "trailingMs">): void {
    this.nextAt = Date.now() + everyMs;
    this.trailAt = Date.now() + trailingMs;
  }

  /** Forgets what was sent: the region's tables were emptied. */
  reset(): void {
    this.sent = "";
    this.base = null;
    this.known = null;
  }

  // Without questions and labels there is nothing to report.
  private async read(): Promise<RegionReport | null> {
    const activity = this.needs.activity();
    const last = activity.versions.at(-1)?.base;
    if (last === undefined) return null;
    const base = this.base ?? last;
    return boundedReport({ base, activity, state: await this.stateOn(base) });
  }

  private async stateOn(base: number): Promise<RegionSummary> {
    if (this.known?.base === base && Date.now() < this.known.until) return this.known.state;
    const state = await this.needs.state(base);
    const samples = Object.values(state.samples).reduce((sum, n) => sum + n, 0);
    this.known = { base, state, until: Date.now() + samples * stateMsPerSample };
    return state;
  }
}

/** Leaves out what looks do not show, and what would make a report too large. */
export function boundedReport({ base, activity, state }: RegionReport): RegionReport {
  const { versions } = activity;
  const [oldest, ...rest] = versions.slice(-versionsMax);
  const earlier = versions.slice(0, -versionsMax);
  const counts = oldest && earlier.reduce((sum, one) => addCounts(sum, one.counts), structuredClone(oldest.counts));
  const known = oldest && counts ? [{ ...oldest, counts }, ...rest] : [];
  const lastRun = state?.lastRun ? { ...state.lastRun, report: briefReport(state.lastRun.report) } : null;
  const report = { base, activity: { ...activity, versions: known }, state: state && { ...state, lastRun } };
  const isTooLarge = state !== null && JSON.stringify(report).length > reportMaxBytes;
  return isTooLarge ? { ...report, state: null, brief: briefOf(state) } : report;
}

function briefReport(report: RegionRun["report"]): RegionRun["report"] {
  if (!report) return null;
  const { head, comparison = null, crossFitted, heldFor } = report;
  return {
    ...(head === undefined ? {} : { head }),
    ...(crossFitted === undefined ? {} : { crossFitted }),
    ...(heldFor === undefined ? {} : { heldFor }),
    comparison,
  };
}
