import { replaces } from "../../workers/core/confidence/labels.ts";
import type { Fold, Instance, LabelSource } from "../../workers/core/contract/index.ts";
import type { StoredEmbedding } from "./questions.ts";

/** A label, and the question it belongs to. */
export interface NewSample {
  id: string;
  instance: Instance;
  label: string;
  source: LabelSource;
  fold: Fold;
  split: string;
  /** The recorded chance of having the label; null where none was recorded: such a sample never certifies. */
  pi: number | null;
  at: number;
  labelledAt: number;
  embedding: StoredEmbedding | null;
}

/** What a run learns from: the samples that were there when it began, as far as its data time had come. */
export interface Snapshot {
  lastSample: number;
  at: number;
}

export interface LabelledVector {
  number: number;
  label: string;
  source: LabelSource;
  split: string;
  vector: Int16Array;
}

/** The tables `samples` and `embeddings`. */
export class Samples {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Keeps a label, once a question; a weaker source never replaces a stronger. Answers whether it changed anything. */
  teach(sample: NewSample): boolean {
    const { id, instance, label, source, fold, split, pi, at, labelledAt, embedding } = sample;
    const [known] = this.sql.exec<{ label: string; source: LabelSource }>(
      "SELECT label, source FROM samples WHERE id = ?",
      id,
    );
    if (known && (!replaces(source, known.source) || (known.label === label && known.source === source))) return false;
    const { number } = this.sql
      .exec<{ number: number }>(
        `INSERT INTO samples (id, instance, label, source, fold, split, pi, at, labelledAt)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET label = ?3, source = ?4, labelledAt = ?9 RETURNING number`,
        ...[id, JSON.stringify(instance), label, source, fold, split, pi, at, labelledAt],
      )
      .one();
    if (embedding) this.setEmbedding(number, embedding);
    return true;
  }

  find(id: string): { label: string; source: LabelSource; fold: Fold } | null {
    const query = "SELECT label, source, fold FROM samples WHERE id = ?";
    return this.sql.exec<{ label: string; source: LabelSource; fold: Fold }>(query, id).toArray()[0] ?? null;
  }

  setEmbedding(number: number, { backbone, vector }: StoredEmbedding): void {
    this.sql.exec("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", number, backbone, vector.buffer);
  }

  lastNumber(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(number), 0) AS last FROM samples").one().last;
  }

  /** Samples of a snapshot that the backbone has not embedded yet, in order after `after`. */
  unembedded({ lastSample, at }: Snapshot, backbone: string, after: number, limit: number) {
    const rows = this.sql.exec<{ number: number; instance: string }>(
      `SELECT number, instance FROM samples s WHERE number > ? AND number <= ? AND at <= ? AND fold <> 'certify'
       AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.backbone = ? AND e.number = s.number)
       ORDER BY number LIMIT ?`,
      ...[after, lastSample, at, backbone, limit],
    );
    return rows.toArray().map(({ number, instance }) => ({ number, instance: JSON.parse(instance) as Instance }));
  }

  /** A fold of a snapshot in one backbone's space, in order: each sample once. */
  vectors({ lastSample, at }: Snapshot, fold: Fold, backbone: string): LabelledVector[] {
    const rows = this.sql.exec<{
      number: number;
      label: string;
      source: LabelSource;
      split: string;
      vector: ArrayBuffer;
    }>(
      `SELECT s.number, s.label, s.source, s.split, e.vector FROM samples s
       JOIN embeddings e ON e.backbone = ? AND e.number = s.number
       WHERE s.fold = ? AND s.number <= ? AND s.at <= ? AND s.labelledAt <= ? ORDER BY s.number`,
      ...[backbone, fold, lastSample, at, at],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  counts(): Record<Fold, number> {
    const counts = { train: 0, tune: 0, certify: 0 };
    const rows = this.sql.exec<{ fold: Fold; n: number }>("SELECT fold, count(*) AS n FROM samples GROUP BY fold");
    for (const { fold, n } of rows) counts[fold] = n;
    return counts;
  }

  /** The newest data time among the samples, ms since 1970; null when there are none. */
  newest(): number | null {
    return this.sql.exec<{ newest: number | null }>("SELECT max(at) AS newest FROM samples").one().newest;
  }
}
