import { outageNews, recoveryNews } from "#core/alerts.ts";
import type { Jobs } from "../jobs.ts";
import type { Alerting } from "./alerting.ts";

/** How long regions in which the rung above fails are gathered before an alert, and the pause until the next one. */
const gatherMs = 15_000;
const pauseMs = 5 * 60_000;

/** What telling of outages needs. */
interface Needs {
  alerting: Pick<Alerting, "raise">;
  jobs: Pick<Jobs, "isAny" | "put" | "drop">;
  /** The regions in which the rung above fails, and how many regions there are. */
  failing: () => { names: readonly string[]; of: number };
  transaction: <T>(work: () => T) => T;
}

/**
 * Tells once that the rung above fails, however many regions stop asking it, and once that it answers again. While the job `outage`
 * exists, its key is the number of regions that were told of, less those that recovered.
 */
export class Outages {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Notes that the rung above fails in a region. Part of the transaction in which that became known. */
  note(): void {
    const { jobs } = this.needs;
    if (!jobs.isAny("outage")) jobs.put("outage", "0", Date.now() + gatherMs);
  }

  /** Runs the job `outage`. */
  async check(key: string): Promise<number | null> {
    const { alerting, jobs, failing, transaction } = this.needs;
    return transaction(() => {
      const told = Number(key);
      const { names, of } = failing();
      // An outage that spreads is told of again.
      const isNews = names.length >= Math.max(1, 2 * told);
      if (isNews) alerting.raise([outageNews(names, of)], 0);
      if (names.length === 0 && told > 0) alerting.raise([recoveryNews], 0);
      const left = isNews ? names.length : Math.min(told, names.length);
      // In this transaction: a check that dies after it must not tell again.
      jobs.drop("outage", key);
      if (left > 0) jobs.put("outage", String(left), Date.now() + pauseMs);
      return null;
    });
  }
}
