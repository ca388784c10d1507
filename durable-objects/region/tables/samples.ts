import { replacesLabel } from "#core/confidence/labels.ts";
import type { Instance, LabelSource, Split } from "#core/contract/index.ts";
import { defaulted, flag, json, nullable, number, table, text } from "../../table.ts";
import { type ForgottenSample, type StoredSample, wholeRegion } from "../api.ts";
import type { StoredEmbedding } from "./questions.ts";

/** A label for a question that the region has, or that came with it. */
export interface NewSample extends Omit<StoredSample, "number" | "revision"> {
  embedding: StoredEmbedding | null;
}

/** What decides whether a label changes a sample. */
export type GivenLabel = Pick<StoredSample, "id" | "label" | "source" | "trusted">;

/** What forgetting an owner needs to know of a sample. */
export type OwnedSample = Pick<StoredSample, "id" | "number" | "source" | "trusted">;

/** What a run learns from: the samples that existed when it started, up to its data time. */
export interface SampleSnapshot {
  /** The last revision when it started. */
  lastSample: number;
  at: number;
}

const everything: SampleSnapshot = { lastSample: Number.MAX_SAFE_INTEGER, at: Number.MAX_SAFE_INTEGER };

export const samplesTable = table("samples", {
  number: number(),
  revision: number(),
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
  labelledBy: nullable(text()),
  trusted: defaulted(flag()),
});

export const tombstonesTable = table("tombstones", { revision: number(), id: text() });

/** The tables `samples` and `tombstones`: labelled questions, and the ids of forgotten ones. */
export class Samples {
  private readonly sql: SqlStorage;
  private kept: { rows: number; bytes: number } | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /**
   * Stores a label, once for each question. A weaker one never replaces a stronger one. Returns the sample's number, or null
   * if nothing changed.
   */
  record(sample: Omit<NewSample, "embedding">): number | null {
    const { id, instance, label, source, labelledAt, labelledBy, trusted } = sample;
    const known = this.find(id);
    if (known && !changes(sample, known)) return null;
    const revision = this.lastRevision() + 1;
    if (known) {
      const given = { label, source, labelledAt, labelledBy, trusted, revision };
      samplesTable.update(this.sql, given, "WHERE id = ?", id);
      return known.number;
    }
    samplesTable.insert(this.sql, { ...sample, number: revision, revision });
    if (this.kept) {
      const { rows, bytes } = this.kept;
      this.kept = { rows: rows + 1, bytes: bytes + JSON.stringify(instance).length };
    }
    return revision;
  }

  /** Restores an archived sample with its old number, under a new revision. */
  restore({ number, ...sample }: StoredSample): void {
    this.record(sample);
    samplesTable.update(this.sql, { number }, "WHERE id = ?", sample.id);
  }

  find(id: string): StoredSample | null {
    return samplesTable.first(this.sql, "WHERE id = ?", id);
  }

  /** Removes a sample. With `isForgotten` a tombstone stays, so that readers of samples delete their copy. */
  remove(id: string, isForgotten: boolean): void {
    // Before the sample goes: the last revision may be its own.
    const revision = this.lastRevision() + 1;
    samplesTable.delete(this.sql, "WHERE id = ?", id);
    this.kept = null;
    if (isForgotten) tombstonesTable.insert(this.sql, { revision, id });
  }

  /** Returns whether an id was forgotten and has not been labelled again. */
  isForgotten(id: string): boolean {
    const isLeft = this.sql.exec("SELECT 1 FROM tombstones WHERE id = ?", id).toArray().length > 0;
    return isLeft && this.find(id) === null;
  }

  /** Returns whether a label would change what is stored. */
  isChangedBy(label: GivenLabel): boolean {
    const known = this.find(label.id);
    return known === null || changes(label, known);
  }

  /** Returns the samples that a token owns or has labelled, the first ones first, without their instances. */
  ownedBy(owner: string): OwnedSample[] {
    const query = `SELECT id, number, source, trusted FROM samples WHERE owner = ?1 OR labelledBy = ?1 ORDER BY number`;
    const rows = this.sql.exec<Omit<OwnedSample, "trusted"> & { trusted: number }>(query, owner);
    return rows.toArray().map(({ trusted, ...row }) => ({ ...row, trusted: trusted === 1 }));
  }

  /** Counts trusted labels, by truth or by people, in `train`: of a snapshot, or all. */
  evidence({ lastSample, at } = everything): number {
    const query = `SELECT count(*) AS n FROM samples
      WHERE trusted = 1 AND split = 'train' AND source <> 'origin' AND number <= ?1 AND at <= ?2 AND labelledAt <= ?2`;
    return this.sql.exec<{ n: number }>(query, lastSample, at).one().n;
  }

  /**
   * Counts what decides whether a run cross-fits: trusted labels of a snapshot, those of the origin only where they train, and
   * archived ones.
   */
  labels({ lastSample, at }: SampleSnapshot, originTrains: boolean): number {
    const query = `SELECT count(*) + (SELECT coalesce(sum(rows), 0) FROM archives) AS n FROM samples
      WHERE trusted = 1 AND (?3 OR source <> 'origin') AND number <= ?1 AND at <= ?2 AND labelledAt <= ?2`;
    return this.sql.exec<{ n: number }>(query, lastSample, at, Number(originTrains)).one().n;
  }

  /** Returns the samples whose label is not trusted, and who gave it, in the order in which they came: of a snapshot, or all. */
  untrusted({ lastSample, at } = everything): { number: number; owner: string }[] {
    const query = `SELECT number, coalesce(labelledBy, owner, '') AS owner FROM samples
      WHERE trusted = 0 AND number <= ?1 AND at <= ?2 AND labelledAt <= ?2 ORDER BY number`;
    return this.sql.exec<{ number: number; owner: string }>(query, lastSample, at).toArray();
  }

  /** Counts the samples whose label is not trusted: all of them, and those with a label of one token. */
  untrustedUse(owner: string): { inAll: number; ofOwner: number } {
    const query = `SELECT count(*) AS inAll, coalesce(sum(coalesce(labelledBy, owner, '') = ?), 0) AS ofOwner
      FROM samples WHERE trusted = 0`;
    return this.sql.exec<{ inAll: number; ofOwner: number }>(query, owner).one();
  }

  /** Returns the tokens with the most labels, by truth or by people, and how many they are. */
  byOwner(limit: number): { owner: string | null; trusted: boolean; samples: number }[] {
    const query = `SELECT coalesce(labelledBy, owner) AS by, trusted, count(*) AS n FROM samples WHERE source <> 'origin'
      GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT ?`;
    const rows = this.sql.exec<{ by: string | null; trusted: number; n: number }>(query, limit).toArray();
    return rows.map(({ by, trusted, n }) => ({ owner: by, trusted: trusted === 1, samples: n }));
  }

  /** Deletes the instance. */
  dropInput(number: number): void {
    samplesTable.update(this.sql, { instance: null }, "WHERE number = ?", number);
    this.kept = null;
  }

  lastNumber(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(number), 0) AS last FROM samples").one().last;
  }

  /** Counts the samples in this object and the bytes of their instances. */
  size(): { rows: number; bytes: number } {
    const query = "SELECT count(*) AS rows, coalesce(sum(length(instance)), 0) AS bytes FROM samples";
    this.kept ??= this.sql.exec<{ rows: number; bytes: number }>(query).one();
    return this.kept;
  }

  /** Starts over after the tables were emptied: readers of samples learn that everything before `revision` is forgotten. */
  startOver(revision: number): void {
    this.kept = null;
    if (revision > 1) tombstonesTable.insert(this.sql, { revision, id: wholeRegion });
  }

  /**
   * Returns the trusted samples that changed longest ago and that a finished run has counted, by revision. The others are few,
   * and stay: how many there are is limited at each retrain.
   */
  oldestCounted(limit: number): StoredSample[] {
    const clause = `WHERE trusted = 1 AND revision <= (
        SELECT coalesce(max(lastSample), 0) FROM runs WHERE status NOT IN ('running', 'failed'))
      ORDER BY revision LIMIT ?`;
    return [...samplesTable.select(this.sql, clause, limit)];
  }

  /**
   * Returns the samples that changed and the ids that were forgotten after a revision, in order. `limit` cuts both at the
   * same revision.
   */
  changedSince(
    revision: number,
    limit: number,
  ): { samples: StoredSample[]; forgotten: ForgottenSample[]; isLast: boolean } {
    const changed = [...samplesTable.select(this.sql, "WHERE revision > ? ORDER BY revision LIMIT ?", revision, limit)];
    const forgotten = this.forgottenIn(revision, Number.MAX_SAFE_INTEGER, limit);
    const cut = [changed, forgotten].filter((rows) => rows.length === limit);
    const upTo = Math.min(...cut.map((rows) => rows.at(-1)?.revision as number));
    return {
      samples: changed.filter((sample) => sample.revision <= upTo),
      forgotten: forgotten.filter((tombstone) => tombstone.revision <= upTo),
      isLast: cut.length === 0,
    };
  }

  /** Returns the samples that changed after one revision and up to another. */
  changedIn(after: number, upTo: number): StoredSample[] {
    return [...samplesTable.select(this.sql, "WHERE revision > ? AND revision <= ? ORDER BY revision", after, upTo)];
  }

  /** Returns the ids that were forgotten after one revision and up to another. */
  forgottenIn(after: number, upTo: number, limit: number): ForgottenSample[] {
    const clause = "WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?";
    return [...tombstonesTable.select(this.sql, clause, after, upTo, limit)];
  }

  /** Returns the revision in which a sample was forgotten last; 0 where none was. */
  lastForgotten(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(revision), 0) AS last FROM tombstones").one().last;
  }

  counts(): Record<Split, number> {
    const counts = { train: 0, validation: 0, calibration: 0 };
    const rows = this.sql.exec<{ split: Split; n: number }>("SELECT split, count(*) AS n FROM samples GROUP BY split");
    for (const { split, n } of rows) counts[split] = n;
    return counts;
  }

  /** Returns the newest data time of the samples, ms since 1970; null without samples. */
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

function changes(next: GivenLabel, known: StoredSample): boolean {
  if (!replacesLabel(next, known)) return false;
  return known.label !== next.label || known.source !== next.source || known.trusted !== next.trusted;
}
