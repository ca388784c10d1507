import { crossFitFold } from "#core/confidence/few-labels.ts";
import type { Bins, Instance, LabelSource, Split } from "#core/contract/index.ts";
import { addRow, labelWeightUnit, type Sums as SumValues } from "#core/head/sums.ts";
import { softLabelOf } from "#core/regress/soft-label.ts";
import { bytes, nullable, number, table, text } from "../../table.ts";
import type { StoredEmbedding } from "./questions.ts";
import type { SampleSnapshot } from "./samples.ts";
import type { SumShards } from "./sums.ts";

/** A labelled embedding of one backbone. */
export interface LabelledVector {
  number: number;
  label: string;
  source: LabelSource;
  groupKey: string;
  /** The fold of train, or the one that validation or calibration is in cross-fitting. */
  fold: number;
  split: Split;
  vector: Int16Array;
  revision: number;
  /** Who gave the label, where it is not trusted; null otherwise. */
  untrustedOwner: string | null;
}

/** An embedding, and what the sums contain of it: null where they contain nothing. */
export interface CountedEmbedding extends StoredEmbedding {
  /** The class; of a number, the number. */
  label: number | null;
  weight: number | null;
}

type VectorRow = Omit<LabelledVector, "vector"> & { vector: ArrayBuffer };

export const embeddingsTable = table("embeddings", {
  number: number(),
  backbone: text(),
  vector: bytes(),
  label: nullable(number()),
  weight: nullable(number()),
});

const foldColumn = `CASE s.split WHEN 'train' THEN s.fold WHEN 'validation' THEN ${crossFitFold({ split: "validation", fold: 0 })}
  ELSE ${crossFitFold({ split: "calibration", fold: 0 })} END AS fold`;

const labelledColumns = `s.number, s.label, s.source, s.groupKey, ${foldColumn}, s.split, e.vector, s.revision,
  CASE WHEN s.trusted = 0 THEN coalesce(s.labelledBy, s.owner, '') END AS untrustedOwner`;

/** The table `embeddings`: each sample in each backbone's space, and what the sums contain of it. */
export class Embeddings {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  set(sample: number, { backbone, vector }: StoredEmbedding): void {
    this.sql.exec(
      `INSERT INTO embeddings (number, backbone, vector) VALUES (?1, ?2, ?3)
       ON CONFLICT (backbone, number) DO UPDATE SET vector = ?3`,
      ...[sample, backbone, vector.buffer],
    );
  }

  /** Returns samples of a snapshot that the backbone has not embedded yet, by number, after `after`. */
  missing(
    { lastSample, at }: SampleSnapshot,
    { backbone, after, limit, crossFits }: { backbone: string; after: number; limit: number; crossFits: boolean },
  ) {
    // Of `calibration`, unless it trains, only the escalated samples: they certify the semantic cache.
    const rows = this.sql.exec<{ number: number; instance: string }>(
      `SELECT number, instance FROM samples s
       WHERE number > ? AND number <= ? AND at <= ? AND (? OR split <> 'calibration' OR accepted = 0) AND instance <> 'null'
       AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.backbone = ? AND e.number = s.number)
       ORDER BY number LIMIT ?`,
      ...[after, lastSample, at, Number(crossFits), backbone, limit],
    );
    return rows.toArray().map(({ number, instance }) => ({ number, instance: JSON.parse(instance) as Instance }));
  }

  /**
   * Returns `train` and `validation` of a snapshot in one backbone's space, by number, after `after`, where the run cross-fits
   * `calibration` as well; not those of `left`.
   */
  labelled(
    { lastSample, at }: SampleSnapshot,
    backbone: string,
    { after, limit, left, crossFits }: { after: number; limit: number; left: readonly number[]; crossFits: boolean },
  ): LabelledVector[] {
    const rows = this.sql.exec<VectorRow>(
      `SELECT ${labelledColumns} FROM samples s JOIN embeddings e ON e.backbone = ? AND e.number = s.number
       WHERE s.number > ? AND (? OR s.split <> 'calibration') AND s.number <= ? AND s.at <= ? AND s.labelledAt <= ?
         AND s.number NOT IN (SELECT value FROM json_each(?))
       ORDER BY s.number LIMIT ?`,
      ...[backbone, after, Number(crossFits), lastSample, at, at, JSON.stringify(left), limit],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  /**
   * Returns the newest embeddings of a split with labels that may judge; with `escalated`, only of questions that no rule accepted.
   * Those of `calibration` have never trained a head: the sums have never contained them. Nor did people choose to label them.
   */
  newest(backbone: string, split: Split, limit: number, escalated = false): (LabelledVector & { id: string })[] {
    const rows = this.sql.exec<VectorRow & { id: string }>(
      `SELECT s.id, ${labelledColumns} FROM samples s JOIN embeddings e ON e.backbone = ? AND e.number = s.number
       WHERE s.split = ? AND s.source <> 'origin' AND s.trusted = 1 ${escalated ? "AND s.accepted = 0" : ""}
         ${split === "calibration" ? "AND e.weight IS NULL AND s.id NOT IN (SELECT id FROM checks WHERE judged = 0)" : ""}
       ORDER BY s.number DESC LIMIT ?`,
      ...[backbone, split, limit],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  /**
   * Returns what the sums of train contain of samples that are not to go up. Without `newest`: of labels that are not trusted,
   * that the origin or people above gave, or that changed last in a revision that went up; with it, of the newest other labels,
   * so many of each class.
   */
  countedWithout(
    backbone: string,
    { sentThrough, newest }: { sentThrough: number; newest?: readonly number[] },
  ): { vector: Int16Array; label: number; weight: number }[] {
    const fromAbove = "s.source = 'origin' OR (s.source = 'human' AND s.labelledBy IS NULL)";
    const isLeft = `(s.trusted = 0 OR ${fromAbove} OR s.revision <= ?2)`;
    const isCounted = "e.backbone = ?1 AND s.split = 'train' AND e.weight > 0";
    const query = newest
      ? `SELECT o.vector, o.label, o.weight FROM (
           SELECT e.number, e.label, row_number() OVER (PARTITION BY e.label ORDER BY s.revision DESC) AS place
           FROM embeddings e JOIN samples s ON s.number = e.number WHERE ${isCounted} AND NOT ${isLeft}) ranked
         JOIN json_each(?3) newest ON newest.key = ranked.label AND place <= newest.value
         JOIN embeddings o ON o.backbone = ?1 AND o.number = ranked.number`
      : `SELECT e.vector, e.label, e.weight FROM embeddings e JOIN samples s ON s.number = e.number
         WHERE ${isCounted} AND ${isLeft}`;
    const rows = this.sql.exec<{ vector: ArrayBuffer; label: number; weight: number }>(
      query,
      ...[backbone, sentThrough, ...(newest ? [JSON.stringify(newest)] : [])],
    );
    return rows.toArray().map((row) => ({ ...row, vector: new Int16Array(row.vector) }));
  }

  of(sample: number): CountedEmbedding[] {
    return Array.from(
      embeddingsTable.select(this.sql, "WHERE number = ?", sample),
      ({ backbone, vector, label, weight }) => {
        return { backbone, vector: new Int16Array(vector), label, weight };
      },
    );
  }

  /** Restores an embedding together with what the sums contain of it. */
  restore(sample: number, { backbone, vector, label, weight }: CountedEmbedding): void {
    embeddingsTable.insert(this.sql, { number: sample, backbone, vector: vector.buffer, label, weight }, "replace");
  }

  remove(sample: number): void {
    embeddingsTable.delete(this.sql, "WHERE number = ?", sample);
  }

  /**
   * Brings the sums up to date with the next samples of a snapshot that train: new samples are added, corrected ones change by
   * the difference, those of `left` and of splits that no longer train are subtracted, the others stay. Returns the number of
   * rows that it processed.
   */
  count({ lastSample, at }: SampleSnapshot, shards: SumShards, options: CountOptions): number {
    const { backbone, labels, bins, width, originWeight, left, limit, crossFits } = options;
    const rows = this.sql
      .exec<{
        number: number;
        label: number;
        fold: number;
        vector: ArrayBuffer;
        was: number | null;
        had: number | null;
        wanted: number;
      }>(
        `SELECT s.number, c.class AS label, ${foldColumn}, e.vector, e.label AS was, e.weight AS had, wanted FROM embeddings e
         JOIN (SELECT *, CASE WHEN number IN (SELECT value FROM json_each(?7)) OR NOT (?8 OR split = 'train') THEN 0 WHEN source = 'origin' THEN ?1
           ELSE ${labelWeightUnit} END AS wanted FROM samples) s
           ON s.number = e.number
         LEFT JOIN ${bins ? numbers : "(SELECT value AS name, key AS class FROM json_each(?2)) c ON c.name = s.label"}
         WHERE e.backbone = ?3 AND s.number <= ?4 AND s.at <= ?5 AND s.labelledAt <= ?5
           AND c.class IS NOT NULL AND (coalesce(e.weight, 0) <> wanted OR (wanted > 0 AND e.label <> c.class))
         ORDER BY s.number LIMIT ?6`,
        ...[
          originWeight,
          JSON.stringify(labels),
          backbone,
          lastSample,
          at,
          limit,
          JSON.stringify(left),
          Number(crossFits),
        ],
      )
      .toArray();
    const folds = new Map<number, SumValues>();
    const labelOf = (value: number) => (bins ? softLabelOf(bins, value) : value);
    for (const { number, label, fold, vector: stored, was, had, wanted } of rows) {
      const sums = folds.get(fold) ?? shards.read(backbone, fold, width, labels.length);
      folds.set(fold, sums);
      const vector = new Int16Array(stored);
      if (was !== null && had !== null) addRow(sums, { vector, label: labelOf(was), weight: -had });
      addRow(sums, { vector, label: labelOf(label), weight: wanted });
      embeddingsTable.update(
        this.sql,
        { label, weight: wanted },
        "WHERE backbone = ? AND number = ?",
        backbone,
        number,
      );
    }
    for (const [fold, sums] of folds) shards.write(backbone, fold, sums);
    return rows.length;
  }
}

// A version may have had labels that are no numbers. SQLite alone turns texts into numbers: a number that differs from what
// the sums contain by rounding would be counted again and again.
const numbers = `(SELECT number AS sample, CAST(label AS REAL) AS class FROM samples
         WHERE CASE WHEN json_valid(label) THEN json_type(label) END IN ('integer', 'real')) c ON c.sample = s.number`;

/** How `count` adds samples to the sums. */
export interface CountOptions {
  backbone: string;
  labels: readonly string[];
  /** The bins that numbers are spread over; null where labels are classes. */
  bins: Bins | null;
  width: number;
  /** The weight of a label from the origin, in `labelWeightUnit`. */
  originWeight: number;
  /** The numbers of samples that do not train. */
  left: readonly number[];
  /** Whether validation and calibration train as well. */
  crossFits: boolean;
  limit: number;
}
