import { concatBytes } from "#core/bytes.ts";
import { trainFolds } from "#core/confidence/splits.ts";
import {
  addRow,
  classesIn,
  decodeSums,
  emptySums,
  encodeSums,
  labelsIn,
  type SumRow,
  type Sums as SumValues,
} from "#core/head/sums.ts";
import { bytes, number, table, text } from "../../table.ts";

/** A row or blob of SQLite is at most 2 MB. */
export const shardMaxBytes = 1024 * 1024;

export const sumsTable = table("sums", { backbone: text(), fold: number(), shard: number(), value: bytes() });

/** A row of the sums of one backbone and fold. */
export interface FoldSumRow extends SumRow {
  backbone: string;
  fold: number;
}

/**
 * The table `sums`: exact sums over the labelled embeddings of each fold of `train`, and of validation and calibration while they
 * train, in shards that fit into a row.
 */
export class SumShards {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  read(backbone: string, fold: number, width: number, classes: number): SumValues {
    const shards = [...sumsTable.select(this.sql, "WHERE backbone = ? AND fold = ? ORDER BY shard", backbone, fold)];
    if (shards.length === 0) return emptySums(width, classes);
    return decodeSums(width, classes, concatBytes(shards.map(({ value }) => new Uint8Array(value))).buffer);
  }

  /** Reads the folds of train; where a run cross-fits, also those of validation and calibration. */
  readAll(backbone: string, width: number, classes: number, folds: number = trainFolds): SumValues[] {
    return Array.from({ length: folds }, (_, fold) => this.read(backbone, fold, width, classes));
  }

  /** Writes the sums of a fold. Empty sums leave no row: the table is as if no sample had existed. */
  write(backbone: string, fold: number, sums: SumValues): void {
    sumsTable.delete(this.sql, "WHERE backbone = ? AND fold = ?", backbone, fold);
    if (labelsIn(sums) === 0) return;
    const encoded = encodeSums(sums);
    for (let shard = 0; shard * shardMaxBytes < encoded.byteLength; shard++) {
      const value = encoded.slice(shard * shardMaxBytes, (shard + 1) * shardMaxBytes).buffer;
      sumsTable.insert(this.sql, { backbone, fold, shard, value });
    }
  }

  /** Subtracts the contributions of samples exactly. */
  subtract(rows: readonly FoldSumRow[]): void {
    for (const own of Map.groupBy(rows, ({ backbone, fold }) => `${fold} ${backbone}`).values()) {
      const { backbone, fold, vector } = own[0] as FoldSumRow;
      const sums = this.read(backbone, fold, vector.length, this.classesOf(backbone, fold, vector.length));
      for (const { vector, label, weight } of own) addRow(sums, { vector, label, weight: -weight });
      this.write(backbone, fold, sums);
    }
  }

  private classesOf(backbone: string, fold: number, width: number): number {
    const query = "SELECT coalesce(sum(length(value)), 0) AS bytes FROM sums WHERE backbone = ? AND fold = ?";
    return classesIn(this.sql.exec<{ bytes: number }>(query, backbone, fold).one().bytes, width);
  }
}
