import { DurableObject } from "cloudflare:workers";
import type { Answer, Instance } from "../../workers/core/contract/index.ts";
import { limits } from "../../workers/core/limits.ts";
import { fail, ok, type Result } from "../../workers/core/result.ts";
import { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import { nameOf } from "../names.ts";
import { regionObject } from "../stubs.ts";
import { migrations } from "./migrations.ts";

/** A question that waits for a person. */
export interface ReviewItem {
  id: string;
  region: string;
  instance: Instance;
  /** The best that the rungs below made of it. */
  provisional: Answer | null;
}

export interface LeasedItem extends ReviewItem {
  queuedAt: number;
  leaseUntil: number;
}

export type AnswerRefusal = { kind: "unknown" } | { kind: "leased" } | { kind: "answered"; label: string };

interface Row {
  [column: string]: SqlStorageValue;
  id: string;
  region: string;
  instance: string;
  provisional: string | null;
  queuedAt: number;
  leasedBy: string | null;
  leaseUntil: number;
  label: string | null;
}

/** One a model: the human rung's queue. */
export class ReviewObject extends DurableObject<Env> {
  private readonly model: string;
  private readonly sql: SqlStorage;
  private readonly jobs: Jobs;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, migrations);
    this.model = nameOf(ctx.id);
    this.sql = ctx.storage.sql;
    this.jobs = new Jobs(ctx.storage, { deliver: (id) => this.deliver(id) });
  }

  override async alarm(): Promise<void> {
    await this.jobs.runDue();
  }

  /** Takes questions into the queue; one that is there already stays as it is. */
  enqueue(items: ReviewItem[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const { id, region, instance, provisional } of items) {
        this.sql.exec(
          "INSERT OR IGNORE INTO queue (id, region, instance, provisional, queuedAt) VALUES (?, ?, ?, ?, ?)",
          id,
          region,
          JSON.stringify(instance),
          provisional && JSON.stringify(provisional),
          Date.now(),
        );
      }
    });
  }

  /** Hands out the oldest questions that nobody holds, to `holder` alone until the lease ends. */
  lease(holder: string, regions: string[] | null, limit: number): LeasedItem[] {
    const now = Date.now();
    const leaseUntil = now + limits.reviewLeaseMs;
    return this.ctx.storage.transactionSync(() => {
      const rows = this.sql.exec<Row>(
        `SELECT * FROM queue WHERE label IS NULL AND (leaseUntil <= ?1 OR leasedBy = ?2)
         AND (?3 IS NULL OR region IN (SELECT value FROM json_each(?3)))
         ORDER BY queuedAt, id LIMIT ?4`,
        now,
        holder,
        regions && JSON.stringify(regions),
        limit,
      );
      return rows.toArray().map((row) => {
        this.sql.exec("UPDATE queue SET leasedBy = ?, leaseUntil = ? WHERE id = ?", holder, leaseUntil, row.id);
        return { ...itemOf(row), queuedAt: row.queuedAt, leaseUntil };
      });
    });
  }

  /** Records a person's label, once, and sees to it that the region gets it. */
  async answer(id: string, label: string, holder: string): Promise<Result<null, AnswerRefusal>> {
    const refusal = this.ctx.storage.transactionSync((): AnswerRefusal | null => {
      const [row] = this.sql.exec<Row>("SELECT * FROM queue WHERE id = ?", id);
      if (!row) return { kind: "unknown" };
      if (row.label !== null) return row.label === label ? null : { kind: "answered", label: row.label };
      if (row.leasedBy !== holder && row.leaseUntil > Date.now()) return { kind: "leased" };
      this.sql.exec("UPDATE queue SET label = ?, answeredBy = ? WHERE id = ?", label, holder, id);
      this.jobs.put("deliver", id, Date.now() + limits.jobRetryMs);
      return null;
    });
    if (refusal) return fail(refusal);
    // At once, so that whoever waits hears of it; the job stands by should this fail.
    const rest = await this.deliver(id).catch(() => Date.now());
    if (rest === null) this.jobs.drop("deliver", id);
    return ok(null);
  }

  /** Takes a question out of the queue because its answer is known. */
  withdraw(ids: string[]): void {
    for (const id of ids) this.sql.exec("DELETE FROM queue WHERE id = ? AND label IS NULL", id);
  }

  size(): number {
    return this.sql.exec<{ n: number }>("SELECT count(*) AS n FROM queue WHERE label IS NULL").one().n;
  }

  private async deliver(id: string): Promise<number | null> {
    const [row] = this.sql.exec<Row>("SELECT * FROM queue WHERE id = ?", id);
    if (!row?.label) return null;
    const region = regionObject(this.env, this.model, row.region);
    await region.takeHumanLabel({ id, label: row.label, instance: JSON.parse(row.instance), at: row.queuedAt });
    this.sql.exec("DELETE FROM queue WHERE id = ?", id);
    return null;
  }
}

function itemOf(row: Row): ReviewItem {
  return {
    id: row.id,
    region: row.region,
    instance: JSON.parse(row.instance),
    provisional: row.provisional === null ? null : JSON.parse(row.provisional),
  };
}
