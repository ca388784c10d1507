import { type Jobs, jobRetryMs } from "../jobs.ts";
import type { RegionApi } from "../region/api.ts";
import type { Remote } from "../stubs.ts";
import type { ReviewQueue } from "./tables/queue.ts";

/** What bringing decisions to the regions needs. */
interface Needs {
  queue: Pick<ReviewQueue, "find" | "clear" | "remove">;
  jobs: Pick<Jobs, "drop" | "dueOf">;
  regionObject: (region: string) => Pick<Remote<RegionApi>, "recordHumanLabel" | "closeUnanswered">;
}

/** Brings what people decide to the questions' regions: labels, and flags. */
export class Decisions {
  private readonly needs: Needs;
  private readonly inProgress = new Map<string, Promise<null>>();

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Delivers a label at once, so that a waiting caller receives it. If this fails, the job `deliver` repeats it. */
  deliverNow(id: string): Promise<void> {
    return this.tryNow("deliver", id, () => this.deliver(id));
  }

  /** Closes a flagged question at once, so that a waiting caller receives an answer. If this fails, the job `close` repeats it. */
  closeNow(id: string): Promise<void> {
    return this.tryNow("close", id, () => this.close(id));
  }

  /** Runs a job `deliver`: one delivery of a question at a time, so that a correction follows what it corrects. */
  deliver(id: string): Promise<null> {
    const delivery = this.inProgress.get(id) ?? this.deliverLatest(id).finally(() => this.inProgress.delete(id));
    this.inProgress.set(id, delivery);
    return delivery;
  }

  /** Runs a job `close`: the region gives the caller of a flagged question the provisional answer. */
  async close(id: string): Promise<null> {
    const row = this.needs.queue.find(id);
    if (row) await this.needs.regionObject(row.region).closeUnanswered(id);
    return null;
  }

  /** Runs a job `remove`: deletes a question, once its label is delivered. */
  async remove(id: string): Promise<number | null> {
    const { queue, jobs } = this.needs;
    const deliveryAt = jobs.dueOf("deliver", id);
    if (deliveryAt !== null) return Math.max(deliveryAt, Date.now() + jobRetryMs);
    queue.remove(id);
    return null;
  }

  private async tryNow(kind: string, id: string, step: () => Promise<null>): Promise<void> {
    const isDone = await step().then(
      () => true,
      () => false,
    );
    if (isDone) this.needs.jobs.drop(kind, id);
  }

  private async deliverLatest(id: string): Promise<null> {
    const { queue, regionObject } = this.needs;
    for (let row = queue.find(id); row?.label; row = queue.find(id)) {
      const { region, label, instance, queuedAt: at, traceparent, labelledBy, trusted } = row;
      const given = { id, label, instance, at, traceparent, labelledBy, trusted };
      await regionObject(region).recordHumanLabel(given);
      if (queue.find(id)?.label === label) break;
    }
    queue.clear(id);
    return null;
  }
}
