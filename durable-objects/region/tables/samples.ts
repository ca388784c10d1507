import { replaces } from "#core/confidence/labels.ts";
import type { Instance, LabelSource, Split } from "#core/contract/index.ts";
import { flag, json, nullable, number, table, text } from "../../table.ts";
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

export const samplesTable = table("samples", {
  number: number(),
  id: text(),
  instance: json<Instance | null>(),
  label: text(),
  source: text<LabelSource>(),
  split: text<Split>(),
  fold: number(),
  groupKey: text(),
  inclusionProbability: nullable(number()),
  accepted: nullable(flag()),
  owner: nullable(text()),
  at: number(),
  labelledAt: number(),
  revision: number(),
});

/** The table `samples`, and what it leaves behind: `tombstones`. */
export class Samples {
  private readonly sql: SqlStorage;
  private kept: { rows: number; bytes: number } | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Keeps a label, once a question; a weaker source never replaces a stronger. Answers its number, or null if nothing changed. */
  put(sample: Omit<NewSample, "embedding">): number | null {
    const { id, label, source, labelledAt } = sample;
    const known = this.find(id);
    if (known && (!replaces(source, known.source) || (known.label === label && known.source === source))) return null;
    const revision = this.lastRevision() + 1;
    if (known) {
      samplesTable.update(this.sql, { label, source, labelledAt, revision }, "WHERE id = ?", id);
      return known.number;
    }
    samplesTable.insert(this.sql, { ...sample, number: revision, revision });
    if (this.kept) {
      const { rows, bytes } = this.kept;
      this.kept = { rows: rows + 1, bytes: bytes + JSON.stringify(sample.instance).length };
    }
    return revision;
  }

  /** Puts a sample back as it was, under a new revision. */
  restore({ number, ...sample }: StoredSample): void {
    this.put(sample);
    this.sql.exec("UPDATE samples SET number = ? WHERE id = ?", number, sample.id);
  }

  find(id: string): StoredSample | null {
    return samplesTable.first(this.sql, "WHERE id = ?", id);
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
    const clause = `WHERE revision <= (
        SELECT coalesce(max(lastSample), 0) FROM runs WHERE status NOT IN ('running', 'failed'))
      ORDER BY revision LIMIT ?`;
    return [...samplesTable.select(this.sql, clause, limit)];
  }

  /** Samples that changed after a revision, and ids that were forgotten, in order: of both as far as neither is cut off. */
  changedSince(
    revision: number,
    limit: number,
  ): { samples: StoredSample[]; forgotten: ForgottenSample[]; isLast: boolean } {
    const samples = [...samplesTable.select(this.sql, "WHERE revision > ? ORDER BY revision LIMIT ?", revision, limit)];
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
