import type { HistoryEvent, ModelPointer } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { RegistryRefusal } from "./api.ts";
import type { HeadPointers } from "./heads.ts";
import type { Outbox } from "./outbox.ts";
import type { Versions } from "./versions.ts";

interface RolloutEvent {
  version?: number;
  share?: number;
  region?: string;
  reason?: string;
}

const key = "current";
const historyMaxRows = 100;

/** The pointer that says which version serves whom, and the history of its moves. */
export class Rollout {
  private readonly sql: SqlStorage;
  private readonly model: string;
  private readonly outbox: Outbox;
  private readonly versions: Versions;
  private readonly heads: HeadPointers;

  constructor(sql: SqlStorage, model: string, outbox: Outbox, versions: Versions, heads: HeadPointers) {
    this.sql = sql;
    this.model = model;
    this.outbox = outbox;
    this.versions = versions;
    this.heads = heads;
  }

  pointer(): ModelPointer {
    const [row] = this.sql.exec<{ value: string }>("SELECT value FROM pointers WHERE key = ?", key);
    if (row) return JSON.parse(row.value);
    return { model: this.model, revision: 0, stable: null, previous: null, canary: null, heldBack: {} };
  }

  /** Moves the pointer; `reason` is for the history. */
  move(version: number, share: number | null, reason?: string): Result<ModelPointer, RegistryRefusal> {
    if (!this.versions.get(version)) {
      return fail({ kind: "version-unknown", version, latest: this.versions.latest() });
    }
    const pointer = this.pointer();
    if (share !== null && pointer.stable === null) return fail({ kind: "canary-without-stable" });
    if (share !== null && pointer.stable === version) return fail({ kind: "canary-is-stable", version });
    const heldBack = this.heldBackFrom(pointer, version);
    if (share !== null) {
      this.note("canary", { version, share });
      return ok(this.save({ ...pointer, canary: { version, share }, heldBack }));
    }
    this.note("stable", { version, ...(reason ? { reason } : {}) });
    const previous = pointer.stable === version ? pointer.previous : pointer.stable;
    return ok(this.save({ ...pointer, stable: version, previous, canary: null, heldBack }));
  }

  /** Ends the canary, or goes back to the version before. */
  back(reason?: string): Result<ModelPointer, RegistryRefusal> {
    const pointer = this.pointer();
    if (pointer.canary) {
      this.note("rollback", { version: pointer.canary.version, ...(reason ? { reason } : {}) });
      return ok(this.save({ ...pointer, canary: null, heldBack: heldBackElsewhere(pointer.heldBack, pointer.stable) }));
    }
    if (pointer.previous === null) return fail({ kind: "no-previous-version" });
    this.note("rollback", { version: pointer.previous });
    const heldBack = heldBackElsewhere(pointer.heldBack, pointer.previous);
    return ok(this.save({ ...pointer, stable: pointer.previous, previous: null, heldBack }));
  }

  /** A region is ready for a version: it is no longer held back from it. */
  ready(region: string, version: number): void {
    const pointer = this.pointer();
    const isTarget = pointer.canary?.version === version || pointer.stable === version;
    if (!isTarget || pointer.heldBack[region] === undefined) return;
    const { [region]: _, ...heldBack } = pointer.heldBack;
    this.save({ ...pointer, heldBack });
  }

  note(action: string, { version, share, region, reason }: RolloutEvent): void {
    this.sql.exec(
      "INSERT INTO history (at, action, version, share, region, reason) VALUES (?, ?, ?, ?, ?, ?)",
      Date.now(),
      action,
      version ?? null,
      share ?? null,
      region ?? null,
      reason ?? null,
    );
  }

  /** What was done last, of all or of one region. */
  history(region: string | null = null): HistoryEvent[] {
    const rows = this.sql.exec(
      `SELECT at, action, version, share, region, reason FROM history
       WHERE ?1 IS NULL OR region = ?1 ORDER BY id DESC LIMIT ?2`,
      region,
      historyMaxRows,
    );
    return rows.toArray() as unknown as HistoryEvent[];
  }

  // Regions whose head would be lost by the step stay where they are until their head for the version is made.
  private heldBackFrom(pointer: ModelPointer, version: number): ModelPointer["heldBack"] {
    const { stable, heldBack } = pointer;
    if (stable === null) return {};
    const mayLose = new Set([...Object.keys(heldBack), ...this.heads.regionsWithHead(stable)]);
    const unready = [...mayLose].filter((region) => !this.heads.isReady(version, region));
    return Object.fromEntries(unready.map((region) => [region, heldBack[region] ?? stable]));
  }

  private save(next: ModelPointer): ModelPointer {
    const before = this.pointer();
    const pointer = { ...next, revision: before.revision + 1 };
    this.sql.exec("INSERT OR REPLACE INTO pointers VALUES (?, ?, ?)", key, pointer.revision, JSON.stringify(pointer));
    this.outbox.put(`current/${this.model}`, pointer);
    this.settleStates(before, pointer);
    return pointer;
  }

  private settleStates(before: ModelPointer, now: ModelPointer): void {
    for (const version of [before.stable, before.canary?.version]) {
      if (version !== null && version !== undefined) this.versions.setState(version, "retired");
    }
    if (now.stable !== null) this.versions.setState(now.stable, "stable");
    if (now.canary) this.versions.setState(now.canary.version, "canary");
  }
}

function heldBackElsewhere(heldBack: ModelPointer["heldBack"], stable: number | null): ModelPointer["heldBack"] {
  return Object.fromEntries(Object.entries(heldBack).filter(([, version]) => version !== stable));
}
