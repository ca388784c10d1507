import type { Answer, Instance, Opinion, Question, Split } from "#core/contract/index.ts";
import { defaulted, flag, json, nullable, number, type RowOf, table, text, vector } from "../../table.ts";

/** An embedding as it is stored, and whose it is. */
export interface StoredEmbedding {
  backbone: string;
  vector: Int16Array<ArrayBuffer>;
}

/** A question as the region keeps it. */
export interface StoredQuestion {
  id: string;
  owner: string;
  base: number;
  /** null once it is not needed and the model keeps no inputs. */
  instance: Instance | null;
  /** Hash of the instance: the same id with another payload is a conflict. */
  payload: string;
  embedding: StoredEmbedding | null;
  at: number;
  receivedAt: number;
  /** Whether a rule accepted it: the edge's threshold, or the semantic cache. */
  accepted: boolean;
  audited: boolean;
  /** Label inclusion probability, recorded when the question was asked. */
  inclusionProbability: number;
  split: Split;
  /** The fold of train in cross-validation. */
  fold: number;
  groupKey: string;
  /** The label that the edge or the semantic cache put first. */
  prediction: string;
  answer: Answer;
  /** The answer of each rung, from the edge up, for the person who may have to answer it. */
  opinions: Opinion[];
  /** The trace that it was asked in, for those who ask about it later; null of one older than traces. */
  traceparent: string | null;
  tries: number;
  /** Whether the human rung has it. */
  inReview: boolean;
}

export type NewQuestion = Omit<StoredQuestion, "tries" | "inReview"> & {
  expiresAt: number;
  escalateAt: number | null;
};

export const questionsTable = table("questions", {
  id: text(),
  owner: text(),
  base: number(),
  instance: json<Instance | null>(),
  payload: text(),
  backbone: nullable(text()),
  embedding: nullable(vector()),
  at: number(),
  receivedAt: number(),
  expiresAt: number(),
  accepted: flag(),
  audited: flag(),
  inclusionProbability: number(),
  split: text<Split>(),
  fold: number(),
  groupKey: text(),
  prediction: text(),
  status: text<Answer["status"]>(),
  answer: json<Answer>(),
  opinions: json<Opinion[]>(),
  traceparent: nullable(text()),
  escalateAt: nullable(number()),
  tries: defaulted(number()),
  reviewAt: nullable(number()),
  inReview: defaulted(flag()),
});

/** The table `questions`. */
export class Questions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  find(id: string): StoredQuestion | null {
    const row = questionsTable.first(this.sql, "WHERE id = ?", id);
    return row && stored(row);
  }

  insert(question: NewQuestion): void {
    const { embedding, answer } = question;
    questionsTable.insert(this.sql, {
      ...question,
      backbone: embedding?.backbone ?? null,
      embedding: embedding?.vector ?? null,
      status: answer.status,
    });
  }

  /** Keeps the best answer so far. An answered question is not opened again: its first answer stays. */
  setAnswer(answer: Answer): boolean {
    const { rowsWritten } = this.sql.exec(
      "UPDATE questions SET status = ?, answer = ? WHERE id = ? AND status = 'open'",
      answer.status,
      JSON.stringify(answer),
      answer.id,
    );
    return rowsWritten > 0;
  }

  /** Replaces an answer whose label was corrected. */
  correctAnswer(answer: Answer): void {
    this.sql.exec("UPDATE questions SET answer = ? WHERE id = ?", JSON.stringify(answer), answer.id);
  }

  /** Adds a rung's opinion of a question; a later one of the same rung and version replaces it. */
  addOpinion(id: string, opinion: Opinion): void {
    // Another edge node may be the rung above.
    const isOther = ({ rung, version }: Opinion) => rung !== opinion.rung || version !== opinion.version;
    const others = this.find(id)?.opinions.filter(isOther) ?? [];
    this.sql.exec("UPDATE questions SET opinions = ? WHERE id = ?", JSON.stringify([...others, opinion]), id);
  }

  /** Sets when the next rung is asked (again); null: never. */
  setEscalation(id: string, escalateAt: number | null, tries: number): void {
    this.sql.exec("UPDATE questions SET escalateAt = ?, tries = ? WHERE id = ?", escalateAt, tries, id);
  }

  dueToEscalate(now: number, limit: number): StoredQuestion[] {
    const clause = "WHERE escalateAt <= ? ORDER BY escalateAt LIMIT ?";
    return [...questionsTable.select(this.sql, clause, now, limit)].map(stored);
  }

  nextEscalation(): number | null {
    return this.least("escalateAt");
  }

  /** Sets when the question goes to the review queue; null: never. */
  setReview(id: string, reviewAt: number | null): void {
    this.sql.exec("UPDATE questions SET reviewAt = ? WHERE id = ?", reviewAt, id);
  }

  /** Records that the review queue has the question; false where it was taken back meanwhile. */
  setInReview(id: string): boolean {
    const query = "UPDATE questions SET reviewAt = NULL, inReview = 1 WHERE id = ? AND reviewAt IS NOT NULL";
    return this.sql.exec(query, id).rowsWritten > 0;
  }

  dueToReview(limit: number): StoredQuestion[] {
    const clause = "WHERE reviewAt IS NOT NULL ORDER BY reviewAt LIMIT ?";
    return [...questionsTable.select(this.sql, clause, limit)].map(stored);
  }

  /** Deletes the instance; its hash stays. */
  dropInput(id: string): void {
    this.sql.exec("UPDATE questions SET instance = 'null' WHERE id = ?", id);
  }

  remove(id: string): void {
    this.sql.exec("DELETE FROM questions WHERE id = ?", id);
  }

  /** Deletes expired questions; an open one stays. */
  expire(now: number): void {
    this.sql.exec("DELETE FROM questions WHERE expiresAt <= ? AND status = 'answered'", now);
  }

  nextExpiry(): number | null {
    return this.least("expiresAt");
  }

  counts(): { total: number; open: number } {
    const query = "SELECT count(*) AS total, coalesce(sum(status = 'open'), 0) AS open FROM questions";
    return this.sql.exec<{ total: number; open: number }>(query).one();
  }

  private least(column: "escalateAt" | "expiresAt"): number | null {
    return this.sql.exec<{ least: number | null }>(`SELECT min(${column}) AS least FROM questions`).one().least;
  }
}

function stored({ backbone, embedding, ...row }: RowOf<typeof questionsTable>): StoredQuestion {
  return { ...row, embedding: backbone && embedding ? { backbone, vector: embedding } : null };
}

/** A stored question as it goes to the next rung. */
export function questionOf({ id, instance, at, audited }: StoredQuestion, region: string): Question {
  // An open question still has it.
  return { id, region, instance: instance as Instance, at, ...(audited ? { audit: true } : {}) };
}
