import type { Run, RunStatus } from "#core/contract/index.ts";
import { json, nullable, number, type RowOf, table, text } from "../../table.ts";
import type { Snapshot } from "./samples.ts";

/** Where a run goes through, in order. */
export type Phase = "embed" | "count" | "semantic-cache" | "drift" | "solve" | "fit" | "judge" | "publish";

/** A run under way: where it is, so that an eviction costs one slice at most. */
export interface RunningRun extends Run, Snapshot {
  phase: Phase;
  cursor: Record<string, number>;
}

export const runsTable = table("runs", {
  id: text(),
  base: number(),
  status: text<RunStatus>(),
  reason: nullable(text()),
  report: nullable(json<NonNullable<Run["report"]>>()),
  at: number(),
  startedAt: number(),
  finishedAt: nullable(number()),
  lastSample: number(),
  phase: text<Phase>(),
  cursor: json<Record<string, number>>(),
});

/** The tables `runs` and `run_state`. */
export class Runs {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  start(base: number, snapshot: Snapshot): RunningRun {
    const id = crypto.randomUUID();
    const { at, lastSample } = snapshot;
    runsTable.insert(this.sql, {
      ...{ id, base, status: "running", at, startedAt: Date.now(), lastSample, phase: "embed", cursor: {} },
    });
    return this.running(id) as RunningRun;
  }

  running(id: string): RunningRun | null {
    return runsTable.first(this.sql, "WHERE id = ? AND status = 'running'", id);
  }

  runningOn(base: number): RunningRun | null {
    const query = "SELECT id FROM runs WHERE base = ? AND status = 'running'";
    const [row] = this.sql.exec<{ id: string }>(query, base);
    return row ? this.running(row.id) : null;
  }

  /** The run under way that began first. */
  first(): string | null {
    const query = "SELECT id FROM runs WHERE status = 'running' ORDER BY rowid LIMIT 1";
    return this.sql.exec<{ id: string }>(query).toArray()[0]?.id ?? null;
  }

  /**
   * Whether a run on a base version came to a verdict, by as many samples as the heads before it have learned from; one
   * that failed did not.
   */
  hasVerdictOn(base: number): boolean {
    const query = `SELECT count(*) AS n FROM runs WHERE base = ?1 AND status NOT IN ('running', 'failed')
      AND lastSample >= (SELECT coalesce(max(lastSample), 0) FROM runs WHERE base < ?1 AND status = 'promoted')`;
    return this.sql.exec<{ n: number }>(query, base).one().n > 0;
  }

  /** The last sample that a promoted head learned from; null when its run is not known. */
  lastSampleOf(base: number, head: number): number | null {
    const query = `SELECT lastSample FROM runs
      WHERE base = ? AND status = 'promoted' AND json_extract(report, '$.head') = ?`;
    return this.sql.exec<{ lastSample: number }>(query, base, head).toArray()[0]?.lastSample ?? null;
  }

  /** The last sample that any run on a base version began with. */
  lastSampleOn(base: number): number {
    const query = "SELECT coalesce(max(lastSample), 0) AS last FROM runs WHERE base = ?";
    return this.sql.exec<{ last: number }>(query, base).one().last;
  }

  move(id: string, phase: Phase, cursor: Record<string, number>): void {
    this.sql.exec("UPDATE runs SET phase = ?, cursor = ? WHERE id = ?", phase, JSON.stringify(cursor), id);
  }

  /** Sends every run under way back to its beginning. */
  restart(): void {
    this.sql.exec("DELETE FROM run_state");
    this.sql.exec("UPDATE runs SET phase = 'embed', cursor = '{}' WHERE status = 'running'");
  }

  finish(id: string, status: RunStatus, reason: string, report: Record<string, unknown> | null): void {
    this.sql.exec(
      "UPDATE runs SET status = ?, reason = ?, report = ?, finishedAt = ? WHERE id = ? AND status = 'running'",
      ...[status, reason, report && JSON.stringify(report), Date.now(), id],
    );
    this.sql.exec("DELETE FROM run_state WHERE run = ?", id);
  }

  get(id: string): Run | null {
    const row = runsTable.first(this.sql, "WHERE id = ?", id);
    return row && toRun(row);
  }

  latest(limit: number): Run[] {
    return [...runsTable.select(this.sql, "ORDER BY rowid DESC LIMIT ?", limit)].map(toRun);
  }

  saveState(run: string, name: string, value: ArrayBuffer | string): void {
    this.sql.exec("INSERT OR REPLACE INTO run_state VALUES (?, ?, ?)", run, name, value);
  }

  state<T extends ArrayBuffer | string>(run: string, name: string): T | null {
    const query = "SELECT value FROM run_state WHERE run = ? AND name = ?";
    return (this.sql.exec<{ value: SqlStorageValue }>(query, run, name).toArray()[0]?.value as T | undefined) ?? null;
  }
}

function toRun({ id, base, status, reason, report, at, startedAt, finishedAt }: RowOf<typeof runsTable>): Run {
  return { id, base, status, reason, report, at, startedAt, finishedAt };
}
