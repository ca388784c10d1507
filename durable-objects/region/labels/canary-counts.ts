import { differencesOf } from "#core/confidence/canary.ts";
import { mayJudge, replaces } from "#core/confidence/labels.ts";
import { isAudited } from "#core/confidence/splits.ts";
import type { CanaryCount, ClassifyManifest, LabelSource, Question, VersionCount } from "#core/contract/index.ts";
import { argMax } from "#core/head/head.ts";
import { lossOf } from "#core/head/metrics.ts";
import type { CanaryPair } from "../api.ts";

/** Questions that a region records of a canary at most; each takes some hundred bytes, and a class 4. */
const canaryMaxRows = 20_000;

/** What one version made of a question at the edge. */
export interface Tried {
  base: number;
  version: string;
  accepted: boolean;
  prediction: string;
  scores: Float32Array<ArrayBuffer>;
  inclusionProbability: number;
}

type Row = Record<string, SqlStorageValue> & {
  base: number;
  prediction: string;
  scores: ArrayBuffer | null;
  source: LabelSource | null;
};

/** The tables `canary` and `canary_answers`: what both versions answered here since the canary is watched, and what it turned out to be. */
export class CanaryCounts {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Counts for a watch from now on; goes on where it does so already. */
  begin(watch: number, stable: ClassifyManifest, canary: ClassifyManifest): void {
    const before = this.pair()?.watch;
    if (before === watch) return;
    if (before !== undefined) this.end(before);
    const labels = { [stable.version]: stable.labels, [canary.version]: canary.labels };
    const query = "INSERT INTO canary (watch, stable, canary, labels) VALUES (?, ?, ?, ?)";
    this.sql.exec(query, watch, stable.version, canary.version, JSON.stringify(labels));
  }

  /** Deletes what was counted for a watch; another watch's counts stay. */
  end(watch: number): void {
    if (this.pair()?.watch !== watch) return;
    this.sql.exec("DELETE FROM canary");
    this.sql.exec("DELETE FROM canary_answers");
  }

  pair(): CanaryPair | null {
    const query = "SELECT watch, stable, canary FROM canary";
    return this.sql.exec<Record<string, SqlStorageValue> & CanaryPair>(query).toArray()[0] ?? null;
  }

  /**
   * What is counted of a question: the edge's own answer, whatever became of it; null where it is not in the sample.
   * That holds all questions where all are kept and every truth comes, else those with the audit's coin, accepted or
   * not: each question of a version has the same inclusion probability.
   */
  async triedOf(secret: string, manifest: ClassifyManifest, { id, inference }: Question): Promise<Tried | null> {
    const { version: base, labels, policy, thin } = manifest;
    const pair = this.pair();
    if (!pair || (base !== pair.stable && base !== pair.canary)) return null;
    if (inference?.backbone !== thin.backbone.sha256 || inference.scores.length !== labels.length) return null;
    const inclusionProbability = policy.truth === "complete" && policy.keep === "all" ? 1 : policy.auditShare;
    if (inclusionProbability < 1 && !(await isAudited(secret, id, inclusionProbability))) return null;
    const { version, accepted } = inference;
    const scores = Float32Array.from(inference.scores);
    return { base, version, accepted, prediction: labels[argMax(scores)] as string, scores, inclusionProbability };
  }

  /** Records a question, once; no more of them once enough are there. */
  asked(id: string, { base, version, accepted, prediction, scores, inclusionProbability }: Tried): void {
    this.sql.exec(
      `INSERT OR IGNORE INTO canary_answers (id, base, version, accepted, prediction, scores, inclusionProbability)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM canary WHERE ?2 IN (stable, canary))
       AND (SELECT coalesce(max(number), 0) FROM canary_answers) < ${canaryMaxRows}`,
      ...[id, base, version, Number(accepted), prediction, scores.buffer, inclusionProbability],
    );
  }

  /** Takes a label, as often as it is corrected; a weaker source never replaces a stronger. */
  labelled(id: string, label: string, source: LabelSource): void {
    const [row] = this.sql.exec<Row>("SELECT base, prediction, scores, source FROM canary_answers WHERE id = ?", id);
    if (!row?.scores || (row.source && !replaces(source, row.source))) return;
    const index = this.labelsOf(row.base).indexOf(label);
    const loss = index < 0 ? null : lossOf(new Float32Array(row.scores), index);
    // The order of first labels is that of the judge: a correction does not move what was seen before it.
    this.sql.exec(
      `UPDATE canary_answers SET error = ?2, loss = ?3, source = ?4, labelled = coalesce(labelled,
         CASE WHEN ?5 THEN (SELECT coalesce(max(labelled), 0) + 1 FROM canary_answers) END) WHERE id = ?1`,
      ...[id, Number(row.prediction !== label), loss, source, Number(mayJudge(source))],
    );
  }

  /** What stays of a forgotten question: a count, without its name. Were errors forgotten, it could be made to pass. */
  forget(id: string): void {
    const query = "UPDATE canary_answers SET id = 'forgotten ' || number, prediction = '', scores = NULL WHERE id = ?";
    this.sql.exec(query, id);
  }

  count(): CanaryCount {
    return { versions: this.versions(), differences: this.differences() };
  }

  private versions(): VersionCount[] {
    const rows = this.sql.exec<Record<string, number> & { version: string }>(
      `SELECT base, version, count(*) AS recorded, total(1 / inclusionProbability) AS questions, total(accepted / inclusionProbability) AS accepted,
         total(labelled IS NOT NULL) AS labelled, total(labelled IS NOT NULL AND accepted) AS labelledAccepted,
         total(CASE WHEN labelled IS NOT NULL THEN 1 / inclusionProbability END) AS weight,
         total(CASE WHEN labelled IS NOT NULL THEN error / inclusionProbability END) AS errors,
         total(CASE WHEN labelled IS NOT NULL AND accepted THEN 1 / inclusionProbability END) AS weightAccepted,
         total(CASE WHEN labelled IS NOT NULL AND accepted THEN error / inclusionProbability END) AS errorsAccepted,
         avg(CASE WHEN labelled IS NOT NULL THEN loss END) AS logLoss,
         total(source = 'origin') AS origin, total(source = 'origin' AND error = 0) AS agreed
       FROM canary_answers GROUP BY base, version ORDER BY base, version`,
    );
    return rows.toArray().map((row) => ({
      base: row.base as number,
      version: row.version,
      recorded: row.recorded as number,
      questions: row.questions as number,
      coverage: share(row.accepted, row.questions) ?? 0,
      labelled: { accepted: row.labelledAccepted as number, all: row.labelled as number },
      errors: { accepted: share(row.errorsAccepted, row.weightAccepted), all: share(row.errors, row.weight) },
      logLoss: row.logLoss ?? null,
      origin: { labelled: row.origin as number, agreed: row.agreed as number },
    }));
  }

  private differences(): CanaryCount["differences"] {
    const canary = this.pair()?.canary;
    const matched = (loss: string, where: string, order: string) => {
      const query = `SELECT base, ${loss} AS loss FROM canary_answers ${where} ORDER BY ${order}`;
      const rows = this.sql.exec<{ base: number; loss: number }>(query);
      return differencesOf(marksOf(rows, canary));
    };
    return {
      all: matched("error", "WHERE labelled IS NOT NULL", "labelled"),
      accepted: matched("error", "WHERE labelled IS NOT NULL AND accepted", "labelled"),
      escalated: matched("1 - accepted", "", "number"),
    };
  }

  private labelsOf(base: number): readonly string[] {
    const [row] = this.sql.exec<{ labels: string }>("SELECT labels FROM canary");
    return row ? (JSON.parse(row.labels)[base] ?? []) : [];
  }
}

function* marksOf(rows: Iterable<{ base: number; loss: number }>, canary: number | undefined) {
  for (const { base, loss } of rows) yield { side: base === canary ? ("canary" as const) : ("stable" as const), loss };
}

function share(part: number | undefined, whole: number | undefined): number | null {
  return whole ? (part ?? 0) / whole : null;
}
