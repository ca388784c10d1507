import type { Instance, LabelSource, Split } from "#core/contract/index.ts";
import { addRow, labelWeightUnit, type Sums } from "#core/head/sums.ts";
import type { StoredEmbedding } from "./questions.ts";
import type { Snapshot } from "./samples.ts";
import type { SumShards } from "./sums.ts";

/** A labelled embedding of one backbone. */
export interface LabelledVector {
  number: number;
  label: string;
  source: LabelSource;
  groupKey: string;
  fold: number;
  split: Split;
  vector: Int16Array;
}

/** An embedding, and what the sums hold of it: null where they hold nothing. */
export interface CountedEmbedding extends StoredEmbedding {
  label: number | null;
  weight: number | null;
}

type VectorRow = Omit<LabelledVector, "vector"> & { vector: ArrayBuffer };
type CountedRow = { backbone: string; vector: ArrayBuffer; label: number | null; weight: number | null };

/** The table `embeddings`: each sample in each backbone's space, and how the sums count it. */
export class Embeddings {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  set(number: number, { backbone, vector }: StoredEmbedding): void {
    this.sql.exec(
      `INSERT INTO embeddings (number, backbone, vector) VALUES (?1, ?2, ?3)
       ON CONFLICT (backbone, number) DO UPDATE SET vector = ?3`,
      ...[number, backbone, vector.buffer],
    );
  }

  /** Samples of a snapshot that the backbone has not embedded yet, in order after `after`. */
  missing({ lastSample, at }: Snapshot, backbone: string, after: number, limit: number) {
    // Of calibration only the questions that certify the semantic cache.
    const rows = this.sql.exec<{ number: number; instance: string }>(
      `SELECT number, instance FROM samples s
       WHERE number > ? AND number <= ? AND at <= ? AND (split <> 'calibration' OR accepted = 0) AND instance <> 'null'
       AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.backbone = ? AND e.number = s.number)
       ORDER BY number LIMIT ?`,
      ...[after, lastSample, at, backbone, limit],
    );
    return rows.toArray().map(({ number, instance }) => ({ number, instance: JSON.parse(instance) as Instance }));
  }

  /** Train and validation of a snapshot in one backbone's space, in order after `after`: each sample once. */
  labelled({ lastSample, at }: Snapshot, backbone: string, after: number, limit: number): LabelledVector[] {
    const rows = this.sql.exec<VectorRow>(
      `SELECT s.number, s.label, s.source, s.groupKey, s.fold, s.split, e.vector FROM samples s
       JOIN embeddings e ON e.backbone = ? AND e.number = s.number
       WHERE s.number > ? AND s.split <> 'calibration' AND s.number <= ? AND s.at <= ? AND s.labelledAt <= ?
       ORDER BY s.number LIMIT ?`,
      ...[backbone, after, lastSample, at, at, limit],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  /** The newest labelled embeddings of a split; `escalated` leaves out what a rule accepted or was never asked. */
  newest(backbone: string, split: Split, limit: number, escalated = false): (LabelledVector & { id: string })[] {
    const rows = this.sql.exec<VectorRow & { id: string }>(
      `SELECT s.id, s.number, s.label, s.source, s.groupKey, s.fold, s.split, e.vector FROM samples s
       JOIN embeddings e ON e.backbone = ? AND e.number = s.number
       WHERE s.split = ? AND s.source <> 'origin' ${escalated ? "AND s.accepted = 0" : ""}
       ORDER BY s.number DESC LIMIT ?`,
      ...[backbone, split, limit],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  of(number: number): CountedEmbedding[] {
    const query = "SELECT backbone, vector, label, weight FROM embeddings WHERE number = ?";
    return this.sql
      .exec<CountedRow>(query, number)
      .toArray()
      .map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  /** Puts an embedding back with what the sums already hold of it. */
  restore(number: number, { backbone, vector, label, weight }: CountedEmbedding): void {
    this.sql.exec(
      "INSERT OR REPLACE INTO embeddings (number, backbone, vector, label, weight) VALUES (?, ?, ?, ?, ?)",
      ...[number, backbone, vector.buffer, label, weight],
    );
  }

  remove(number: number): void {
    this.sql.exec("DELETE FROM embeddings WHERE number = ?", number);
  }

  /**
   * Makes the sums hold the next train samples of a snapshot as they are labelled now: what is new comes in, what was
   * corrected moves by the difference, and what is there already stays. Answers how many rows it went through.
   */
  count({ lastSample, at }: Snapshot, shards: SumShards, options: CountOptions): number {
    const { backbone, labels, width, originWeight, limit } = options;
    const rows = this.sql
      .exec<{
        number: number;
        label: string;
        fold: number;
        vector: ArrayBuffer;
        was: number | null;
        had: number | null;
        wanted: number;
      }>(
        `SELECT s.number, s.label, s.fold, e.vector, e.label AS was, e.weight AS had, wanted FROM embeddings e
         JOIN (SELECT *, CASE source WHEN 'origin' THEN ?1 ELSE ${labelWeightUnit} END AS wanted FROM samples) s
           ON s.number = e.number
         LEFT JOIN (SELECT value AS name, key AS class FROM json_each(?2)) c ON c.name = s.label
         WHERE e.backbone = ?3 AND s.split = 'train' AND s.number <= ?4 AND s.at <= ?5 AND s.labelledAt <= ?5
           AND c.class IS NOT NULL AND (coalesce(e.weight, 0) <> wanted OR (wanted > 0 AND e.label <> c.class))
         ORDER BY s.number LIMIT ?6`,
        ...[originWeight, JSON.stringify(labels), backbone, lastSample, at, limit],
      )
      .toArray();
    const folds = new Map<number, Sums>();
    for (const { number, label, fold, vector: bytes, was, had, wanted } of rows) {
      const sums = folds.get(fold) ?? shards.read(backbone, fold, width, labels.length);
      folds.set(fold, sums);
      const vector = new Int16Array(bytes);
      if (was !== null && had !== null) addRow(sums, { vector, label: was, weight: -had });
      const next = labels.indexOf(label);
      addRow(sums, { vector, label: next, weight: wanted });
      const query = "UPDATE embeddings SET label = ?, weight = ? WHERE backbone = ? AND number = ?";
      this.sql.exec(query, next, wanted, backbone, number);
    }
    for (const [fold, sums] of folds) shards.write(backbone, fold, sums);
    return rows.length;
  }
}

export interface CountOptions {
  backbone: string;
  labels: readonly string[];
  width: number;
  /** What a label of the origin weighs, in `labelWeightUnit`. */
  originWeight: number;
  limit: number;
}
