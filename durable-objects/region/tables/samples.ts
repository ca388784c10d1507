import { replaces } from "#core/confidence/labels.ts";
import type { Split } from "#core/contract/index.ts";
import { type ForgottenSample, type StoredSample, wholeRegion } from "../api.ts";
import type { StoredEmbedding } from "./questions.ts";

/** A label for a question that the region has, or that came with it. */
export interface NewSample extends Omit<StoredSample, "number" | "revision"> {
  embedding: StoredEmbedding | null;
}

/** What a run learns from: the samples that were there when it began, as far as its data time had come. */
export interface Snapshot {
  /** The last revision when it began. */
  lastSample: number;
  at: number;
}

type Row = Record<string, SqlStorageValue> & { instance: string; accepted: number | null };

/** The table `samples`, and what it leaves behind: `tombstones`. */
export class Samples {
  private readonly sql: SqlStorage;
  private kept: { rows: number; bytes: number } | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Keeps a label, once a question; a weaker source never replaces a stronger. Answers its number, or null if nothing changed. */
  put(sample: Omit<NewSample, "embedding">): number | null {
    const {
      id,
      instance,
      label,
      source,
      split,
      fold,
      groupKey,
      inclusionProbability,
      accepted,
      owner,
      at,
      labelledAt,
    } = sample;
    const known = this.find(id);
    if (known && (!replaces(source, known.source) || (known.label === label && known.source === source))) return null;
    const row = this.sql
      .exec<{ number: number }>(
        `INSERT INTO samples
         (number, id, instance, label, source, split, fold, groupKey, inclusionProbability, accepted, owner, at, labelledAt, revision)
         VALUES (?13, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (id) DO UPDATE SET label = ?3, source = ?4, labelledAt = ?12, revision = ?13 RETURNING number`,
        ...[id, JSON.stringify(instance), label, source, split, fold, groupKey, inclusionProbability],
        ...[accepted === null ? null : Number(accepted), owner, at, labelledAt, this.lastRevision() + 1],
      )
      .one();
    if (!known && this.kept) {
      const { rows, bytes } = this.kept;
      this.kept = { rows: rows + 1, bytes: bytes + JSON.stringify(instance).length };
    }
    return row.number;
  }

  /** Puts a sample back as it was, under a new revision. */
  restore({ number, ...sample }: StoredSample): void {
    this.put(sample);
    this.sql.exec("UPDATE samples SET number = ? WHERE id = ?", number, sample.id);
  }

  find(id: string): StoredSample | null {
    const [row] = this.sql.exec<Row>("SELECT * FROM samples WHERE id = ?", id);
    return row ? stored(row) : null;
  }

  /** Deletes a sample. A reader of samples learns that it is forgotten, unless it only moves to an archive. */
  remove(id: string, isForgotten: boolean): void {
    // Before the sample goes: the last revision may be its own.
    const revision = this.lastRevision() + 1;
    this.sql.exec("DELETE FROM samples WHERE id = ?", id);
    this.kept = null;
    if (isForgotten) this.sql.exec("INSERT INTO tombstones VALUES (?, ?)", revision, id);
  }

  /** Returns whether an id was forgotten and has not been labelled since. */
  isForgotten(id: string): boolean {
    const isLeft = this.sql.exec("SELECT 1 FROM tombstones WHERE id = ?", id).toArray().length > 0;
    return isLeft && this.find(id) === null;
  }

  /** Deletes the instance. */
  dropInput(number: number): void {
    this.sql.exec("UPDATE samples SET instance = 'null' WHERE number = ?", number);
    this.kept = null;
  }

  lastNumber(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(number), 0) AS last FROM samples").one().last;
  }

  /** How many samples are at hand, and how many bytes their inputs take. */
  size(): { rows: number; bytes: number } {
    const query = "SELECT count(*) AS rows, coalesce(sum(length(instance)), 0) AS bytes FROM samples";
    this.kept ??= this.sql.exec<{ rows: number; bytes: number }>(query).one();
    return this.kept;
  }

  /** Starts over after the tables were emptied: a reader of samples learns that everything before `revision` is forgotten. */
  beginAgain(revision: number): void {
    this.kept = null;
    if (revision > 1) this.sql.exec("INSERT INTO tombstones VALUES (?, ?)", revision, wholeRegion);
  }

  /** Samples that changed longest ago, in the order of their revisions, as far as a finished run has counted them. */
  oldestCounted(limit: number): StoredSample[] {
    const query = `SELECT * FROM samples WHERE revision <= (
        SELECT coalesce(max(lastSample), 0) FROM runs WHERE status NOT IN ('running', 'failed'))
      ORDER BY revision LIMIT ?`;
    return this.sql.exec<Row>(query, limit).toArray().map(stored);
  }

  /** Samples that changed after a revision, and ids that were forgotten, in order: of both as far as neither is cut off. */
  changedSince(
    revision: number,
    limit: number,
  ): { samples: StoredSample[]; forgotten: ForgottenSample[]; isLast: boolean } {
    const query = "SELECT * FROM samples WHERE revision > ? ORDER BY revision LIMIT ?";
    const samples = this.sql.exec<Row>(query, revision, limit).toArray().map(stored);
    const forgotten = this.forgottenIn(revision, Number.MAX_SAFE_INTEGER, limit);
    const cut = [samples, forgotten].filter((rows) => rows.length === limit);
    const upTo = Math.min(...cut.map((rows) => rows.at(-1)?.revision as number));
    return {
      samples: samples.filter((sample) => sample.revision <= upTo),
      forgotten: forgotten.filter((tombstone) => tombstone.revision <= upTo),
      isLast: cut.length === 0,
    };
  }

  /** Ids that were forgotten after a revision, up to another. */
  forgottenIn(after: number, upTo: number, limit: number): ForgottenSample[] {
    const query = "SELECT id, revision FROM tombstones WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?";
    return this.sql.exec<Record<string, SqlStorageValue> & ForgottenSample>(query, after, upTo, limit).toArray();
  }

  counts(): Record<Split, number> {
    const counts = { train: 0, validation: 0, calibration: 0 };
    const rows = this.sql.exec<{ split: Split; n: number }>("SELECT split, count(*) AS n FROM samples GROUP BY split");
    for (const { split, n } of rows) counts[split] = n;
    return counts;
  }

  /** The newest data time among the samples, ms since 1970; null when there are none. */
  newest(): number | null {
    return this.sql.exec<{ newest: number | null }>("SELECT max(at) AS newest FROM samples").one().newest;
  }

  lastRevision(): number {
    const query = `SELECT max(coalesce((SELECT max(revision) FROM samples), 0),
      coalesce((SELECT max(revision) FROM tombstones), 0),
      coalesce((SELECT max(lastRevision) FROM archives), 0)) AS last`;
    return this.sql.exec<{ last: number }>(query).one().last;
  }
}

function stored(row: Row): StoredSample {
  const accepted = row.accepted === null ? null : row.accepted === 1;
  return { ...(row as unknown as StoredSample), instance: JSON.parse(row.instance), accepted };
}
