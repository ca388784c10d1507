import type { CanaryReport } from "#core/confidence/canary.ts";
import { mayJudge, replaces } from "#core/confidence/labels.ts";
import { type Pair, sumPairs } from "#core/confidence/pairs.ts";
import {
  type CanaryCount,
  type LabelSource,
  type PairObstacle,
  pairObstacles,
  type VersionFigures,
} from "#core/contract/index.ts";
import type { Task } from "#core/task/index.ts";
import { bytes, defaulted, flag, json, nullable, number, type RowOf, table, text } from "../../table.ts";
import type { CanaryPair } from "../api.ts";
import { canaryHeadsTable } from "./canary-heads.ts";
import { Memory } from "./memory.ts";

/** Questions that a region records of a canary at most. Each takes about a hundred bytes. */
const canaryMaxRows = 20_000;

/** The serving version's own answer to a question whose label is planned. */
export interface CanaryAnswer {
  base: number;
  version: string;
  accepted: boolean;
  prediction: string;
  inclusionProbability: number;
  /** What is the same for the region's questions that depend on each other. */
  groupKey: string;
  /** Whether the instance is kept for the comparison alone. */
  isBorrowed: boolean;
}

/** What the version that did not serve answers to a question. */
export type OtherAnswer = Pick<CanaryAnswer, "accepted" | "prediction">;

export const canariesTable = table("canary", {
  watch: number(),
  stable: number(),
  canary: number(),
  /** Of earlier releases. */
  labels: json<object>(),
});

export const answersTable = table("canary_answers", {
  number: defaulted(number()),
  id: text(),
  base: number(),
  version: text(),
  accepted: flag(),
  prediction: text(),
  /** Of earlier releases, as is `loss`. */
  scores: nullable(bytes()),
  inclusionProbability: number(),
  error: nullable(number()),
  loss: nullable(number()),
  source: nullable(text<LabelSource>()),
  /** The place among the first labels. */
  labelled: nullable(number()),
  label: nullable(text()),
  groupKey: nullable(text()),
  isBorrowed: defaulted(flag()),
  /** The revision of the other version's head in the region when the question was asked. */
  otherRevision: defaulted(number()),
  otherAccepted: nullable(flag()),
  otherPrediction: nullable(text()),
  otherError: nullable(number()),
  obstacle: nullable(text<PairObstacle>()),
});

/** A labelled question whose second answer is still to be computed. */
export type DuePair = Pick<RowOf<typeof answersTable>, "id" | "base" | "otherRevision" | "isBorrowed">;

const isDue = "labelled IS NOT NULL AND otherError IS NULL AND obstacle IS NULL";

/** The tables `canary` and `canary_answers`: questions with planned labels, and what both versions answer to them. */
export class CanaryAnswers {
  private readonly sql: SqlStorage;
  private readonly memory: Memory;

  constructor(sql: SqlStorage, memory = new Memory()) {
    this.sql = sql;
    this.memory = memory;
  }

  /** Starts to compare for a watch. A watch that is compared already continues. */
  begin({ watch, stable, canary }: CanaryPair): void {
    const before = this.pair()?.watch;
    if (before === watch) return;
    if (before !== undefined) this.end(before);
    canariesTable.insert(this.sql, { watch, stable, canary, labels: {} });
    this.memory.forget("canary");
  }

  /** Deletes what was compared for a watch. Another watch stays. */
  end(watch: number): void {
    if (this.pair()?.watch !== watch) return;
    const borrowed = "SELECT id FROM canary_answers WHERE isBorrowed AND otherError IS NULL AND obstacle IS NULL";
    this.sql.exec(`UPDATE questions SET instance = 'null' WHERE id IN (${borrowed})`);
    canariesTable.delete(this.sql, "");
    this.memory.forget("canary");
    answersTable.delete(this.sql, "");
    canaryHeadsTable.delete(this.sql, "");
  }

  pair(): CanaryPair | null {
    return this.memory.get("canary", () => {
      const row = canariesTable.first(this.sql, "");
      return row && { watch: row.watch, stable: row.stable, canary: row.canary };
    });
  }

  /** Returns the version of the pair that does not serve a question of `base`; null where `base` is not one of the pair. */
  otherOf(base: number): number | null {
    const pair = this.pair();
    if (base === pair?.stable) return pair.canary;
    return base === pair?.canary ? pair.stable : null;
  }

  /** Records an answer, once for each question, up to a maximum number. */
  record(id: string, answer: CanaryAnswer, otherRevision: number): void {
    if (this.otherOf(answer.base) === null || this.lastNumber() >= canaryMaxRows) return;
    answersTable.insert(this.sql, { ...answer, id, otherRevision }, "ignore");
  }

  /**
   * Records a label or its correction, where it may judge. A weaker source never replaces a stronger one. Returns whether
   * the second answer is to be computed.
   */
  recordLabel(task: Task, id: string, label: string, source: LabelSource): boolean {
    const row = mayJudge(source) ? answersTable.first(this.sql, "WHERE id = ?", id) : null;
    if (!row || (row.source && !replaces(source, row.source))) return false;
    const { otherPrediction } = row;
    const error = errorOf(task, row.prediction, label);
    const otherError = otherPrediction === null ? null : errorOf(task, otherPrediction, label);
    answersTable.update(this.sql, { label, source, error, otherError }, "WHERE id = ?", id);
    // Answers count in the order of their first labels: a correction does not move them.
    this.sql.exec(
      `UPDATE canary_answers SET labelled = (SELECT coalesce(max(labelled), 0) + 1 FROM canary_answers)
       WHERE id = ? AND labelled IS NULL`,
      id,
    );
    return otherPrediction === null && row.obstacle === null;
  }

  /** Keeps the instance of a question until its second answer is computed. */
  borrowInput(id: string): void {
    answersTable.update(this.sql, { isBorrowed: true }, "WHERE id = ?", id);
  }

  /** Returns the first labelled questions without a second answer, all from one head of one version. */
  due(limit: number): DuePair[] {
    const first = answersTable.first(this.sql, `WHERE ${isDue} ORDER BY labelled`);
    if (!first) return [];
    const clause = `WHERE ${isDue} AND base = ? AND otherRevision = ? ORDER BY labelled LIMIT ?`;
    return [...answersTable.select(this.sql, clause, first.base, first.otherRevision, limit)];
  }

  /** Records the second answer. Its error is judged by the current label, which may have been corrected. */
  setOther(task: Task, id: string, { accepted, prediction }: OtherAnswer): void {
    const label = answersTable.first(this.sql, "WHERE id = ?", id)?.label;
    if (label == null) return;
    const otherError = errorOf(task, prediction, label);
    const other = { otherAccepted: accepted, otherPrediction: prediction, otherError };
    answersTable.update(this.sql, other, "WHERE id = ?", id);
  }

  /** Records why a question can't be compared. */
  setObstacle(id: string, obstacle: PairObstacle): void {
    answersTable.update(this.sql, { obstacle }, "WHERE id = ?", id);
  }

  /** Forgets a question. A pair stays as a count, without the id: otherwise forgetting errors could promote a canary. */
  forget(id: string): void {
    answersTable.delete(this.sql, "WHERE id = ? AND otherError IS NULL", id);
    // A key of its own may be the id, or a hash of the content.
    this.sql.exec(
      `UPDATE canary_answers AS row SET id = 'forgotten ' || number, prediction = '', otherPrediction = '', label = '',
         groupKey = CASE WHEN EXISTS (SELECT 1 FROM canary_answers o WHERE o.groupKey = row.groupKey AND o.id <> ?1)
           THEN groupKey ELSE 'forgotten ' || number END WHERE id = ?1`,
      id,
    );
  }

  /** Sums the pairs, with the least inclusion probability that both policies can record. */
  report(minInclusionProbability: number): CanaryReport {
    const pairs = [...this.pairs()];
    const sums = sumPairs(pairs, minInclusionProbability);
    const unpaired = pairObstacles.map((obstacle) => [obstacle, this.count("obstacle = ?", obstacle)]);
    const figures = { stable: new Figures(), canary: new Figures() };
    for (const pair of pairs) {
      figures.stable.add(pair.stable, pair.inclusionProbability);
      figures.canary.add(pair.canary, pair.inclusionProbability);
    }
    const count: CanaryCount = {
      planned: this.count("TRUE"),
      labelled: this.count("labelled IS NOT NULL"),
      pairs: sums.pairs,
      questions: sums.weight,
      stable: figures.stable.means(),
      canary: figures.canary.means(),
      waiting: this.count(isDue),
      unpaired: Object.fromEntries(unpaired) as CanaryCount["unpaired"],
    };
    return { count, sums };
  }

  private *pairs(): Generator<Pair> {
    const canary = this.pair()?.canary;
    const rows = this.sql.exec<{ base: number; p: number; groupKey: string } & Graded>(
      `SELECT base, inclusionProbability AS p, coalesce(groupKey, id) AS groupKey, error, accepted, otherError,
         otherAccepted FROM canary_answers WHERE otherError IS NOT NULL ORDER BY labelled`,
    );
    for (const { base, p, groupKey, error, accepted, otherError, otherAccepted } of rows) {
      const served = { isWrong: error === 1, accepted: accepted === 1 };
      const other = { isWrong: otherError === 1, accepted: otherAccepted === 1 };
      const [stable, second] = base === canary ? [other, served] : [served, other];
      yield { inclusionProbability: p, group: groupKey, stable, canary: second };
    }
  }

  private lastNumber(): number {
    return this.sql.exec<{ last: number }>("SELECT coalesce(max(number), 0) AS last FROM canary_answers").one().last;
  }

  private count(where: string, ...values: SqlStorageValue[]): number {
    const query = `SELECT count(*) AS n FROM canary_answers WHERE ${where}`;
    return this.sql.exec<{ n: number }>(query, ...values).one().n;
  }
}

function errorOf(task: Task, prediction: string, label: string): number {
  return Number(!task.isRight(prediction, label));
}

type Graded = Record<"error" | "accepted" | "otherError" | "otherAccepted", number>;

/** Weighted shares of one version's answers. */
class Figures {
  private weight = 0;
  private wrong = 0;
  private accepted = 0;

  add({ isWrong, accepted }: Pair["stable"], inclusionProbability: number): void {
    this.weight += 1 / inclusionProbability;
    if (isWrong) this.wrong += 1 / inclusionProbability;
    if (accepted) this.accepted += 1 / inclusionProbability;
  }

  means(): VersionFigures {
    const share = (part: number) => (this.weight === 0 ? null : part / this.weight);
    return { error: share(this.wrong), coverage: share(this.accepted) };
  }
}
