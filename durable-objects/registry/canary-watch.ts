import { type CanaryReport, judgeCanary } from "#core/confidence/canary.ts";
import type { CanaryState, CanaryVerdict } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { within } from "#core/within.ts";
import type { Jobs } from "../jobs.ts";
import type { RegionApi } from "../region/api.ts";
import type { Remote } from "../stubs.ts";
import { type Alerting, canaryNews } from "./alerting.ts";
import type { WatchOrder } from "./api.ts";
import type { Rollout } from "./rollout.ts";
import type { Canaries, Canary } from "./tables/canaries.ts";

/** The pause between two evaluations: a twentieth of the canary's age, within these. */
const evaluateMinMs = 1_000;
const evaluateMaxMs = 5 * 60_000;
/** How long an evaluation waits for a region's report. */
const regionTimeoutMs = 10_000;

/** What watching a canary needs. */
interface Needs {
  canaries: Canaries;
  rollout: Pick<Rollout, "move" | "back" | "pointer">;
  jobs: Pick<Jobs, "put" | "bringForward" | "drop">;
  regions: () => string[];
  regionObject: (region: string) => Pick<Remote<RegionApi>, "compareCanary" | "endCanary">;
  alerting: Pick<Alerting, "raise">;
  transaction: <T>(work: () => T) => T;
}

/** Promotes a watched canary or rolls it back, by the questions that both versions answered. */
export class CanaryWatch {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Starts to watch a canary that the pointer has just moved to. */
  start(order: WatchOrder): void {
    const { canaries, rollout, jobs } = this.needs;
    const now = Date.now();
    canaries.add(order, rollout.pointer().stable as number, now);
    jobs.put("canary", "", now);
  }

  /** Ends the watch, if there is one, because the pointer was moved by hand. */
  end(): void {
    const canary = this.needs.canaries.running();
    if (canary) this.finish(canary, "ended", "the pointer was moved by hand");
  }

  /** Ends the watch, if it is of another version than the pointer's canary. */
  endUnless(version: number | null): void {
    const canary = this.needs.canaries.running();
    if (canary && canary.version !== version) this.finish(canary, "ended", "the registry was restored without it");
  }

  /** Runs the job `canary`: collects the regions' reports and acts on the verdict. */
  async evaluate(): Promise<number | null> {
    const { canaries, transaction } = this.needs;
    const before = canaries.running();
    if (!before) return null;
    const reports = await this.collect(before);
    return transaction(() => {
      // The pointer may have been moved meanwhile.
      const canary = canaries.running();
      if (canary?.id !== before.id) return canary && Date.now();
      const now = Date.now();
      for (const [region, report] of reports) canaries.setReport(canary.id, region, report, now);
      const verdict = judgeCanary(canaries.reports(canary.id), canary.plan, now >= canary.deadlineAt);
      canaries.setVerdict(canary.id, verdict);
      if (verdict.decision !== "continue") return this.act(canary, verdict);
      const pause = Math.min(evaluateMaxMs, Math.max(evaluateMinMs, (now - canary.startedAt) / 20));
      return Math.min(canary.deadlineAt, now + pause);
    });
  }

  /** Runs the job `end-canary`: a region deletes what it compared for a canary. */
  async endInRegion(key: string): Promise<null> {
    const [id, region] = JSON.parse(key) as [number, string];
    await this.needs.regionObject(region).endCanary(id);
    return null;
  }

  /** Returns the canary that is watched, or the last one; null where there never was one. */
  state(): CanaryState | null {
    const canary = this.needs.canaries.latest();
    if (!canary) return null;
    const { id, ...state } = canary;
    const regions = this.needs.canaries.reports(id).map(({ region, at, count }) => ({ region, at, ...count }));
    return { ...state, regions };
  }

  forgetRegion(region: string): void {
    this.needs.canaries.forgetRegion(region);
  }

  private act(canary: Canary, { decision, reason }: CanaryVerdict): null {
    const { rollout, alerting } = this.needs;
    const outcome = decision === "promote" ? "promoted" : "rolled back";
    const text = `${outcome}: ${reason}`;
    const moved = outcome === "promoted" ? rollout.move(canary.version, null, text) : rollout.back(text);
    if (!moved.ok) throw new Error(`Canary ${canary.version} can't be ${outcome}: ${moved.error.kind}`);
    this.finish(canary, outcome, reason);
    alerting.raise([canaryNews(canary.version, outcome, reason)], 0);
    return null;
  }

  private finish({ id }: Canary, outcome: CanaryState["outcome"], reason: string): void {
    const { canaries, jobs, regions } = this.needs;
    canaries.end(id, outcome, reason);
    jobs.drop("canary", "");
    const ends = regions().map((region) => JSON.stringify([id, region]));
    if (ends.length > 0) jobs.bringForward("end-canary", ends, Date.now());
  }

  // A region that does not answer counts as it did last: an earlier report is as valid. One that is held back has no head
  // for the canary yet.
  private async collect({ id, stable, version }: Canary): Promise<Map<string, CanaryReport>> {
    const { regions, regionObject, rollout } = this.needs;
    const { heldBack } = rollout.pointer();
    const reports = new Map<string, CanaryReport>();
    const ready = regions().filter((region) => own(heldBack, region) === undefined);
    const requests = ready.map(async (region) => {
      const reply = regionObject(region)
        .compareCanary({ watch: id, stable, canary: version })
        .catch((error) => {
          console.warn(JSON.stringify({ event: "canary-region-silent", region, version, error: String(error) }));
        });
      const report = await within(regionTimeoutMs, reply, () => undefined);
      if (report) reports.set(region, report);
    });
    await Promise.all(requests);
    return reports;
  }
}
