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

/** A row or blob of SQLite is at most 2 MB. */
export const shardMaxBytes = 1024 * 1024;

/** The table `sums`: exact sums over the labelled embeddings of each fold of `train`, in shards that fit into a row. */
export class SumShards {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  read(backbone: string, fold: number, width: number, classes: number): SumValues {
    const query = "SELECT value FROM sums WHERE backbone = ? AND fold = ? ORDER BY shard";
    const shards = this.sql.exec<{ value: ArrayBuffer }>(query, backbone, fold).toArray();
    if (shards.length === 0) return emptySums(width, classes);
    const bytes = new Uint8Array(shards.reduce((sum, { value }) => sum + value.byteLength, 0));
    let offset = 0;
    for (const { value } of shards) {
      bytes.set(new Uint8Array(value), offset);
      offset += value.byteLength;
    }
    return decodeSums(width, classes, bytes.buffer);
  }

  readAll(backbone: string, width: number, classes: number): SumValues[] {
    return Array.from({ length: trainFolds }, (_, fold) => this.read(backbone, fold, width, classes));
  }

  /** Writes the sums of a fold. Empty sums leave no row: the table is as if no sample had existed. */
  write(backbone: string, fold: number, sums: SumValues): void {
    this.sql.exec("DELETE FROM sums WHERE backbone = ? AND fold = ?", backbone, fold);
    if (labelsIn(sums) === 0) return;
    const bytes = encodeSums(sums);
    for (let shard = 0; shard * shardMaxBytes < bytes.byteLength; shard++) {
      const value = bytes.slice(shard * shardMaxBytes, (shard + 1) * shardMaxBytes).buffer;
      this.sql.exec("INSERT INTO sums VALUES (?, ?, ?, ?)", backbone, fold, shard, value);
    }
  }

  /** Subtracts one sample's contribution exactly. */
  subtract(backbone: string, fold: number, row: SumRow): void {
    const width = row.vector.length;
    const sums = this.read(backbone, fold, width, this.classesOf(backbone, fold, width));
    addRow(sums, { ...row, weight: -row.weight });
    this.write(backbone, fold, sums);
  }

  private classesOf(backbone: string, fold: number, width: number): number {
    const query = "SELECT coalesce(sum(length(value)), 0) AS bytes FROM sums WHERE backbone = ? AND fold = ?";
    return classesIn(this.sql.exec<{ bytes: number }>(query, backbone, fold).one().bytes, width);
  }
}
