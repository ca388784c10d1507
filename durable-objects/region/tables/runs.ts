import { concatBytes } from "#core/bytes.ts";
import type { Run, RunStatus } from "#core/contract/index.ts";
import { json, nullable, number, plain, type RowOf, table, text } from "../../table.ts";
import type { SampleSnapshot } from "./samples.ts";

/** The phases of a run, in order. */
export type Phase = "embed" | "count" | "semantic-cache" | "drift" | "solve" | "fit" | "judge" | "publish";

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
  /** Owners without trust whose labels may decide the run: a person has accepted them. */
  acceptedOwners: nullable(json<string[]>()),
});

export const runStateTable = table("run_state", {
  run: text(),
  name: text(),
  value: plain<ArrayBuffer | string>(),
});

/** A run in progress and its position: an eviction costs at most one slice. */
export interface RunningRun extends Run, SampleSnapshot {
  phase: Phase;
  cursor: Record<string, number>;
  acceptedOwners: string[] | null;
}

/** The tables `runs` and `run_state`: retrains, and the intermediate results of those in progress. */
export class Runs {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  start(base: number, { at, lastSample }: SampleSnapshot): RunningRun {
    const id = crypto.randomUUID();
    const position = { phase: "embed", cursor: {}, lastSample } as const;
    runsTable.insert(this.sql, { id, base, status: "running", at, startedAt: Date.now(), ...position });
    return this.running(id) as RunningRun;
  }

  running(id: string): RunningRun | null {
    return runsTable.first(this.sql, "WHERE id = ? AND status = 'running'", id);
  }

  runningOn(base: number): RunningRun | null {
    return runsTable.first(this.sql, "WHERE base = ? AND status = 'running'", base);
  }

  /** Returns the id of the run in progress that started first. */
  first(): string | null {
    return runsTable.first(this.sql, "WHERE status = 'running' ORDER BY rowid")?.id ?? null;
  }

  /** Returns whether a run on a version has ended with at least the samples of the heads before it, and did not fail. */
  hasVerdictOn(base: number): boolean {
    const query = `SELECT count(*) AS n FROM runs WHERE base = ?1 AND status NOT IN ('running', 'failed')
      AND lastSample >= (SELECT coalesce(max(lastSample), 0) FROM runs WHERE base < ?1 AND status = 'promoted')`;
    return this.sql.exec<{ n: number }>(query, base).one().n > 0;
  }

  /** Returns the last sample that a promoted head learned from; null where its run is not known. */
  lastSampleOf(base: number, head: number): number | null {
    return this.promotedRun(base, head)?.lastSample ?? null;
  }

  /** Returns what a promoted head learned from; null where its run is not known. */
  promotion(base: number, head: number): { lastSample: number; labels: number; crossFits: boolean } | null {
    const run = this.promotedRun(base, head);
    const { train, crossFitted } = run?.report ?? {};
    return run && { lastSample: run.lastSample, labels: Number(train ?? 0), crossFits: crossFitted === true };
  }

  /** Returns the last sample that any run on a version started with. */
  lastSampleOn(base: number): number {
    const query = "SELECT coalesce(max(lastSample), 0) AS last FROM runs WHERE base = ?";
    return this.sql.exec<{ last: number }>(query, base).one().last;
  }

  private promotedRun(base: number, head: number): RowOf<typeof runsTable> | null {
    const clause = "WHERE base = ? AND status = 'promoted' AND json_extract(report, '$.head') = ?";
    return runsTable.first(this.sql, clause, base, head);
  }

  /** Adds owners whose labels may decide a run. */
  accept(id: string, owners: readonly string[]): void {
    if (owners.length === 0) return;
    const acceptedOwners = [...new Set([...(this.running(id)?.acceptedOwners ?? []), ...owners])];
    runsTable.update(this.sql, { acceptedOwners }, "WHERE id = ?", id);
  }

  move(id: string, phase: Phase, cursor: Record<string, number>): void {
    runsTable.update(this.sql, { phase, cursor }, "WHERE id = ?", id);
  }

  /** Sends every run in progress back to its first phase. */
  restart(): void {
    runStateTable.delete(this.sql, "");
    runsTable.update(this.sql, { phase: "embed", cursor: {} }, "WHERE status = 'running'");
  }

  finish(id: string, status: RunStatus, reason: string, report: Run["report"]): void {
    const end = { status, reason, report, finishedAt: Date.now() };
    runsTable.update(this.sql, end, "WHERE id = ? AND status = 'running'", id);
    runStateTable.delete(this.sql, "WHERE run = ?", id);
  }

  get(id: string): Run | null {
    const row = runsTable.first(this.sql, "WHERE id = ?", id);
    return row && toRun(row);
  }

  latest(limit: number): Run[] {
    return [...runsTable.select(this.sql, "ORDER BY rowid DESC LIMIT ?", limit)].map(toRun);
  }

  /** Stores what a run has found so far; a large one in parts, since a row holds 2 MB. */
  saveState(run: string, name: string, value: ArrayBuffer | string): void {
    const parts = typeof value === "string" ? [value] : partsOf(value);
    for (const [i, part] of parts.entries()) {
      runStateTable.insert(this.sql, { run, name: partName(name, i), value: part }, "replace");
    }
    for (let i = parts.length; this.part(run, name, i) !== null; i++) {
      runStateTable.delete(this.sql, "WHERE run = ? AND name = ?", run, partName(name, i));
    }
  }

  state<T extends ArrayBuffer | string>(run: string, name: string): T | null {
    const first = this.part(run, name, 0);
    if (first === null || typeof first === "string") return first as T | null;
    const parts = [new Uint8Array(first)];
    for (let next = this.part(run, name, 1); next !== null; next = this.part(run, name, parts.length)) {
      parts.push(new Uint8Array(next as ArrayBuffer));
    }
    return (parts.length === 1 ? first : concatBytes(parts).buffer) as T;
  }

  private part(run: string, name: string, i: number): ArrayBuffer | string | null {
    return runStateTable.first(this.sql, "WHERE run = ? AND name = ?", run, partName(name, i))?.value ?? null;
  }
}

const partMaxBytes = 1024 * 1024;

function partsOf(value: ArrayBuffer): ArrayBuffer[] {
  const count = Math.max(1, Math.ceil(value.byteLength / partMaxBytes));
  return Array.from({ length: count }, (_, i) => value.slice(i * partMaxBytes, (i + 1) * partMaxBytes));
}

function partName(name: string, i: number): string {
  return i === 0 ? name : `${name}, part ${i + 1}`;
}

function toRun({ id, base, status, reason, report, at, startedAt, finishedAt }: RowOf<typeof runsTable>): Run {
  return { id, base, status, reason, report, at, startedAt, finishedAt };
}
