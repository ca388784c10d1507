import type { Route } from "#core/confidence/escalation.ts";
import type { Answer, Instance, Opinion, Question, Split } from "#core/contract/index.ts";
import { bytes, defaulted, flag, json, nullable, number, table, text } from "../../table.ts";
import { OpenQuestions } from "./open-questions.ts";

/** An embedding as it is stored, and the backbone that computed it. */
export interface StoredEmbedding {
  backbone: string;
  vector: Int16Array<ArrayBuffer>;
}

export const questionsTable = table("questions", {
  id: text(),
  owner: text(),
  base: number(),
  /** null once it is not needed and the model keeps no inputs. */
  instance: json<Instance | null>(),
  /** Hash of the instance, and of candidates that restrict: the same id with another payload is a conflict. */
  payload: text(),
  backbone: nullable(text()),
  embedding: nullable(bytes()),
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
  route: nullable(text<Route>()),
  above: nullable(json<AboveAnswer>()),
  candidates: nullable(json<string[]>()),
  top: nullable(number()),
  reviewLimit: nullable(number()),
});

/** The answer of the rung above, as it came. */
export type AboveAnswer = Pick<Answer, "label" | "scores"> & {
  /** The scores of external rungs before calibration; absent without any. */
  given?: GivenScores[];
};

/** The scores that an external rung gave, in the order of the model's labels. */
export interface GivenScores {
  rung: string;
  scores: number[];
}

/** A question as the region keeps it. */
export interface StoredQuestion {
  id: string;
  /** The id of the token that asked. */
  owner: string;
  base: number;
  /** null once it is not needed and the model keeps no inputs. */
  instance: Instance | null;
  payload: string;
  embedding: StoredEmbedding | null;
  /** Data time, ms since 1970. */
  at: number;
  receivedAt: number;
  /** Whether a rule accepted it: that of the edge, or that of the semantic cache. */
  accepted: boolean;
  audited: boolean;
  /** The probability of a label, recorded when the question was asked. */
  inclusionProbability: number;
  split: Split;
  /** The fold of `train` that cross-validation leaves out together with it. */
  fold: number;
  groupKey: string;
  /** The label that the rung below, or the semantic cache, put first. */
  prediction: string;
  answer: Answer;
  /** The opinion of each rung, from the edge up, for the person who may have to answer. */
  opinions: Opinion[];
  traceparent: string | null;
  /** When the next rung is asked about it again, ms since 1970; null: never. */
  escalateAt: number | null;
  /** How often the next rung was asked about it, and did not answer. */
  tries: number;
  /** Whether the review queue has it. */
  inReview: boolean;
  /** What the region does with a question that the edge did not accept; null for others, and without a rung above. */
  route: Route | null;
  /** What the rung above answered; null until then. */
  above: AboveAnswer | null;
  /** The only labels that may be answered; null for all. */
  candidates: string[] | null;
  /** How many labels its caller wants in order; null for none. */
  top: number | null;
  /** How many questions its owner may have with people; null for any number. */
  reviewLimit: number | null;
}

export type NewQuestion = Omit<StoredQuestion, "tries" | "inReview" | "above"> & {
  expiresAt: number;
};

/** The table `questions`. */
export class Questions {
  /** The open ones of each owner. */
  readonly open: OpenQuestions;
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    this.open = new OpenQuestions(sql);
  }

  find(id: string): StoredQuestion | null {
    return this.select("WHERE id = ?", id)[0] ?? null;
  }

  insert(question: NewQuestion): void {
    const { embedding, answer } = question;
    questionsTable.insert(this.sql, {
      ...question,
      status: answer.status,
      backbone: embedding?.backbone ?? null,
      embedding: embedding?.vector.buffer ?? null,
    });
    if (answer.status === "open") this.open.changed(question.owner, 1);
  }

  /** Stores a better answer; false where the question is answered already: its first answer stays. */
  setAnswer(answer: Answer): boolean {
    const query = "UPDATE questions SET status = ?, answer = ? WHERE id = ? AND status = 'open' RETURNING owner";
    const [row] = this.sql.exec<{ owner: string }>(query, answer.status, JSON.stringify(answer), answer.id).toArray();
    if (row && answer.status === "answered") this.open.changed(row.owner, -1);
    return row !== undefined;
  }

  /** Replaces an answer whose label was corrected. */
  correctAnswer(answer: Answer): void {
    questionsTable.update(this.sql, { answer }, "WHERE id = ?", answer.id);
  }

  /** Stores a rung's opinion of a question, once for each rung and version. */
  addOpinion(id: string, opinion: Opinion): void {
    // Another edge node may be the rung above.
    const isOther = ({ rung, version }: Opinion) => rung !== opinion.rung || version !== opinion.version;
    const others = this.find(id)?.opinions.filter(isOther) ?? [];
    questionsTable.update(this.sql, { opinions: [...others, opinion] }, "WHERE id = ?", id);
  }

  /** Records what the rung above answered. */
  setAbove(id: string, { label, scores, given = [] }: AboveAnswer): void {
    const above = { label, scores, ...(given.length > 0 ? { given } : {}) };
    questionsTable.update(this.sql, { above }, "WHERE id = ?", id);
  }

  /** Counts the questions that are with people, or on their way. */
  withPeople(): number {
    const query =
      "SELECT (SELECT count(*) FROM questions WHERE inReview = 1 AND status = 'open') + (SELECT count(*) FROM questions WHERE reviewAt IS NOT NULL) AS n";
    return this.sql.exec<{ n: number }>(query).one().n;
  }

  /** Sets when the next rung is asked again; null: never. */
  setEscalation(id: string, escalateAt: number | null, tries: number): void {
    questionsTable.update(this.sql, { escalateAt, tries }, "WHERE id = ?", id);
  }

  dueToEscalate(now: number, limit: number): StoredQuestion[] {
    return this.select("WHERE escalateAt <= ? ORDER BY escalateAt LIMIT ?", now, limit);
  }

  /** Makes due what waits for the next rung since it could not be reached; false where nothing does. */
  bringForward(now: number): boolean {
    const query = "UPDATE questions SET escalateAt = ?1 WHERE escalateAt > ?1 AND tries > 0";
    return this.sql.exec(query, now).rowsWritten > 0;
  }

  /** Counts the questions that wait for the next rung. */
  backlog(): number {
    const query = "SELECT count(*) AS n FROM questions WHERE escalateAt IS NOT NULL";
    return this.sql.exec<{ n: number }>(query).one().n;
  }

  nextEscalation(): number | null {
    return this.least("escalateAt");
  }

  /** Sets when the question is handed to the review queue; null: never. */
  setReview(id: string, reviewAt: number | null): void {
    questionsTable.update(this.sql, { reviewAt }, "WHERE id = ?", id);
  }

  /** Records that the review queue has the question; false where it was withdrawn in the meantime. */
  setInReview(id: string): boolean {
    const query = "UPDATE questions SET reviewAt = NULL, inReview = 1 WHERE id = ? AND reviewAt IS NOT NULL";
    return this.sql.exec(query, id).rowsWritten > 0;
  }

  dueToReview(limit: number): StoredQuestion[] {
    return this.select("WHERE reviewAt IS NOT NULL ORDER BY reviewAt LIMIT ?", limit);
  }

  /** Deletes the instance; its hash stays. */
  dropInput(id: string): void {
    questionsTable.update(this.sql, { instance: null }, "WHERE id = ?", id);
  }

  remove(id: string): void {
    const query = "DELETE FROM questions WHERE id = ? RETURNING owner, status";
    const [row] = this.sql.exec<Pick<StoredQuestion, "owner"> & Pick<Answer, "status">>(query, id).toArray();
    if (row?.status === "open") this.open.changed(row.owner, -1);
  }

  /** Deletes answered questions that have expired. Open ones stay. */
  expire(now: number): void {
    questionsTable.delete(this.sql, "WHERE expiresAt <= ? AND status = 'answered'", now);
  }

  nextExpiry(): number | null {
    return this.least("expiresAt");
  }

  counts(): { total: number; open: number } {
    const query = "SELECT count(*) AS total, coalesce(sum(status = 'open'), 0) AS open FROM questions";
    return this.sql.exec<{ total: number; open: number }>(query).one();
  }

  private select(clause: string, ...values: SqlStorageValue[]): StoredQuestion[] {
    return Array.from(questionsTable.select(this.sql, clause, ...values), ({ backbone, embedding, ...row }) => ({
      ...row,
      embedding: backbone && embedding ? { backbone, vector: new Int16Array(embedding) } : null,
    }));
  }

  private least(column: "escalateAt" | "expiresAt"): number | null {
    return this.sql.exec<{ least: number | null }>(`SELECT min(${column}) AS least FROM questions`).one().least;
  }
}

/** Returns a stored question in the form that the next rung takes. */
export function questionOf({ id, instance, at, audited, candidates }: StoredQuestion, region: string): Question {
  // An open question still has its instance.
  const asked = { id, region, instance: instance as Instance, at };
  return { ...asked, ...(candidates ? { candidates } : {}), ...(audited ? { audit: true } : {}) };
}
