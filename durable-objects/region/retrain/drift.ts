import {
  addCluster,
  type ClusterMoments,
  driftTest,
  emptyClusterMoments,
  monthlyLevel,
} from "#core/confidence/drift.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { json, number, table } from "../../table.ts";
import type { DriftReport } from "../api.ts";

export const driftEveryMs = 30 * 24 * 3600_000;
/** Samples that a check reads at most, of each side. */
const driftMaxRows = 2_000;

const yearMs = 365.25 * 24 * 3600_000;
const seasonSlackMs = 15 * 24 * 3600_000;
const years = 10;

type Row = { groupKey: string; inclusionProbability: number | null; vector: ArrayBuffer };

export const driftsTable = table("drifts", { at: number(), base: number(), report: json<DriftReport>() });

/** The table `drifts`: checks whether the questions still look like earlier ones. */
export class Drift {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  latest(): DriftReport | null {
    return driftsTable.first(this.sql, "ORDER BY at DESC")?.report ?? null;
  }

  /** Compares the embeddings of the month before `at` with the same season of earlier years, or else with all before it. */
  check(manifest: ClassifyManifest, at: number): DriftReport {
    const { width } = manifest.thin.backbone.embedding;
    const since = at - driftEveryMs;
    const recent = this.rows(manifest, [[since, at]]);
    const season = Array.from({ length: years }, (_, i): [number, number] => {
      const back = (i + 1) * yearMs;
      return [since - back - seasonSlackMs, at - back + seasonSlackMs];
    });
    const seasonal = this.rows(manifest, season);
    // Fewer samples than the recent month has are only the edge of a season.
    const isSeason = seasonal.length > 0 && seasonal.length >= recent.length;
    const before = isSeason ? seasonal : this.rows(manifest, [[0, since]]);
    const found = driftTest(momentsOf(before, width), momentsOf(recent, width), monthlyLevel);
    const against = before.length === 0 ? "nothing" : isSeason ? "season" : "before";
    const report: DriftReport = {
      alarm: false,
      ...found,
      at,
      against,
      recent: recent.length,
      reference: before.length,
    };
    driftsTable.insert(this.sql, { at, base: manifest.version, report }, "replace");
    return report;
  }

  private rows({ thin }: ClassifyManifest, spans: readonly (readonly [number, number])[]): Row[] {
    // Which questions callers restrict to candidates, or label without trust, is their choice, and no drift.
    const where = spans.map(() => "(s.at > ? AND s.at <= ?)").join(" OR ");
    const rows = this.sql.exec<Row>(
      `SELECT s.groupKey, s.inclusionProbability, e.vector FROM samples s JOIN embeddings e ON e.number = s.number AND e.backbone = ?
       WHERE (${where}) AND s.trusted = 1 AND NOT (s.accepted IS NULL AND s.inclusionProbability IS NOT NULL) ORDER BY s.at DESC LIMIT ?`,
      ...[thin.backbone.sha256, ...spans.flat(), driftMaxRows],
    );
    return rows.toArray();
  }
}

// The test's cost grows with the cube of the width: a wide embedding is folded into this many sums of signed
// coordinates (feature hashing, Weinberger et al., arXiv 0902.2206), where a shift of the mean stays a shift.
const sketchWidth = 64;

function momentsOf(rows: readonly Row[], embeddingWidth: number): ClusterMoments {
  const width = Math.min(embeddingWidth, sketchWidth);
  const moments = emptyClusterMoments(width);
  for (const group of Map.groupBy(rows, ({ groupKey }) => groupKey).values()) {
    const sum = new Float64Array(width);
    let weight = 0;
    for (const { inclusionProbability, vector } of group) {
      const share = 1 / (inclusionProbability || 1);
      weight += share;
      for (const [i, value] of new Int16Array(vector).entries()) {
        const sign = isFlipped(i) ? -1 : 1;
        sum[i % width] = (sum[i % width] as number) + sign * share * value;
      }
    }
    addCluster(moments, { weight, sum });
  }
  return moments;
}

// Flips about half of the coordinates beyond the sketch, the same ones each time.
function isFlipped(i: number): boolean {
  return i >= sketchWidth && Math.imul(i, 0x9e3779b1) >>> 31 === 1;
}
