import { isAudited } from "#core/confidence/audit.ts";
import { differencesOf } from "#core/confidence/canary.ts";
import { mayJudge, replaces } from "#core/confidence/labels.ts";
import type { CanaryCount, ClassifyManifest, LabelSource, Question, VersionCount } from "#core/contract/index.ts";
import { lossOf } from "#core/head/metrics.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import { bytes, defaulted, flag, json, nullable, number, table, text } from "../../table.ts";
import type { CanaryPair } from "../api.ts";

/** Answers that a region records of a canary at most. Each takes about a hundred bytes, and 4 for each class. */
const canaryMaxRows = 20_000;

/** One version's own answer to a question at the edge. */
export interface CanaryAnswer {
  base: number;
  version: string;
  accepted: boolean;
  prediction: string;
  scores: Float32Array<ArrayBuffer>;
  inclusionProbability: number;
}

export const canariesTable = table("canary", {
  watch: number(),
  stable: number(),
  canary: number(),
  /** The labels of both versions; of numbers, with their bins. */
  labels: json<Record<number, string[] | Pick<ClassifyManifest, "labels" | "number">>>(),
});

export const answersTable = table("canary_answers", {
  number: defaulted(number()),
  id: text(),
  base: number(),
  version: text(),
  accepted: flag(),
  prediction: text(),
  scores: nullable(bytes()),
  inclusionProbability: number(),
  error: nullable(number()),
  loss: nullable(number()),
  source: nullable(text<LabelSource>()),
  /** The place among the first labels. */
  labelled: nullable(number()),
});

/** The tables `canary` and `canary_answers`: what both versions answered while a canary is watched, and the labels. */
export class CanaryAnswers {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Starts to count for a watch. A watch that is counted already continues. */
  begin(watch: number, stable: ClassifyManifest, canary: ClassifyManifest): void {
    const before = this.pair()?.watch;
    if (before === watch) return;
    if (before !== undefined) this.end(before);
    const known = ({ labels, number }: ClassifyManifest) => (number ? { labels, number } : labels);
    const labels = { [stable.version]: known(stable), [canary.version]: known(canary) };
    canariesTable.insert(this.sql, { watch, stable: stable.version, canary: canary.version, labels });
  }

  /** Deletes what was counted for a watch. Another watch stays. */
  end(watch: number): void {
    if (this.pair()?.watch !== watch) return;
    canariesTable.delete(this.sql, "");
    answersTable.delete(this.sql, "");
  }

  pair(): CanaryPair | null {
    const row = canariesTable.first(this.sql, "");
    return row && { watch: row.watch, stable: row.stable, canary: row.canary };
  }

  /**
   * Returns the edge's own answer to a question, or null where the question is not sampled. All questions are sampled where
   * all are kept and every truth arrives; otherwise those that the audit's coin selects, accepted or not, so that all
   * questions of a version have the same inclusion probability.
   */
  async answerOf(
    secret: string,
    manifest: ClassifyManifest,
    { id, inference }: Question,
  ): Promise<CanaryAnswer | null> {
    const { version: base, labels, policy, thin } = manifest;
    const pair = this.pair();
    if (!pair || (base !== pair.stable && base !== pair.canary)) return null;
    if (inference?.backbone !== thin.backbone.sha256 || inference.scores.length !== labels.length) return null;
    const inclusionProbability = policy.truth === "complete" && policy.keep === "all" ? 1 : policy.auditShare;
    if (inclusionProbability < 1 && !(await isAudited(secret, id, inclusionProbability))) return null;
    const { version, accepted } = inference;
    const scores = Float32Array.from(inference.scores);
    const prediction = taskOf(manifest).read(scores).label;
    return { base, version, accepted, prediction, scores, inclusionProbability };
  }

  /** Records an answer, once for each question, up to a maximum number. */
  record(id: string, { base, version, accepted, prediction, scores, inclusionProbability }: CanaryAnswer): void {
    this.sql.exec(
      `INSERT OR IGNORE INTO canary_answers (id, base, version, accepted, prediction, scores, inclusionProbability)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM canary WHERE ?2 IN (stable, canary))
       AND (SELECT coalesce(max(number), 0) FROM canary_answers) < ${canaryMaxRows}`,
      ...[id, base, version, Number(accepted), prediction, scores.buffer, inclusionProbability],
    );
  }

  /** Records a label or its correction. A weaker source never replaces a stronger one. */
  recordLabel(id: string, label: string, source: LabelSource): void {
    const row = answersTable.first(this.sql, "WHERE id = ?", id);
    if (!row?.scores || (row.source && !replaces(source, row.source))) return;
    const task = this.taskOf(row.base);
    const known = task.labelOf(label);
    const loss = known === null ? null : lossOf(new Float32Array(row.scores), known);
    // Answers count in the order of their first labels: a correction does not move them.
    this.sql.exec(
      `UPDATE canary_answers SET error = ?2, loss = ?3, source = ?4, labelled = coalesce(labelled,
         CASE WHEN ?5 THEN (SELECT coalesce(max(labelled), 0) + 1 FROM canary_answers) END) WHERE id = ?1`,
      ...[id, Number(!task.isRight(row.prediction, label)), loss, source, Number(mayJudge(source))],
    );
  }

  /** Forgets a question. Its count stays, without the id: otherwise forgetting errors could promote a canary. */
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

  private taskOf(base: number): Task {
    const known = canariesTable.first(this.sql, "")?.labels[base] ?? [];
    return taskOf(Array.isArray(known) ? { labels: known } : known);
  }
}

function* marksOf(rows: Iterable<{ base: number; loss: number }>, canary: number | undefined) {
  for (const { base, loss } of rows) yield { side: base === canary ? ("canary" as const) : ("stable" as const), loss };
}

function share(part: number | undefined, whole: number | undefined): number | null {
  return whole ? (part ?? 0) / whole : null;
}
