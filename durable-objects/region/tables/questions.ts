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
  expiresAt: number;
  /** When the next rung is asked, again or because the first try was lost; null for never. */
  escalateAt: number | null;
  /** When it is handed to the review queue; null for never. */
  reviewAt: number | null;
}

export type NewQuestion = Omit<StoredQuestion, "tries" | "inReview" | "above">;

/**
 * The table `questions`. Rows stand in the order in which they came, which is that of their expiry. In a transaction, and while
 * a question is held, its row is read once; a transaction writes each row once, at its end.
 */
export class Questions {
  /** The open ones of each owner. */
  readonly open: OpenQuestions;
  private readonly sql: SqlStorage;
  private readonly known = new Map<string, StoredQuestion>();
  private readonly changes = new Map<string, Partial<StoredQuestion>>();
  private readonly added = new Set<string>();
  /** Rows in memory that nothing holds: they go with the transaction. */
  private readonly unheld = new Set<string>();
  /** How many calls are answering a question. */
  private readonly holders = new Map<string, number>();
  /** The numbers of the questions that came since the object started and are being answered, the first ones first. */
  private readonly underway = new Map<string, number>();
  private last: number | null = null;
  /** How many rows there are; null until they are counted. */
  private total: number | null = null;
  private transactions = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    this.open = new OpenQuestions(sql, () => this.settledThrough());
  }

  /** Does work that is inside a transaction, and writes what it changes at its end. */
  transact<T>(work: () => T): T {
    this.transactions++;
    try {
      const done = work();
      this.write();
      return done;
    } finally {
      this.transactions--;
      this.forgetUnheld();
    }
  }

  /** Forgets what is in memory: what was written may have been undone. */
  reset(): void {
    for (const memory of [this.known, this.changes, this.added]) memory.clear();
    this.last = null;
    this.total = null;
    this.open.reset();
  }

  /** Forgets the rows in memory, which another table's code has changed. */
  forgetRows(): void {
    this.known.clear();
  }

  /** Keeps the rows of some questions in memory until they are released as often. */
  hold(ids: readonly string[]): void {
    for (const id of ids) this.holders.set(id, (this.holders.get(id) ?? 0) + 1);
  }

  release(ids: readonly string[]): void {
    for (const id of ids) {
      const left = (this.holders.get(id) ?? 1) - 1;
      if (left > 0) this.holders.set(id, left);
      else {
        this.holders.delete(id);
        this.underway.delete(id);
        this.unheld.add(id);
      }
    }
    this.forgetUnheld();
  }

  /** Returns the number up to which no question of this object is being answered: all are answered, or scheduled. */
  settledThrough(): number {
    const [first] = this.underway.values();
    return first === undefined ? this.lastNumber() : first - 1;
  }

  find(id: string): StoredQuestion | null {
    return this.row(id);
  }

  /** Finds several questions in one read. */
  findAll(ids: readonly string[]): (StoredQuestion | null)[] {
    const unknown = ids.filter((id) => !this.known.has(id));
    if (unknown.some((id) => this.changes.has(id))) this.write();
    // One is found by its key; a list is read as a table.
    if (unknown.length === 1) return ids.map((id) => this.row(id));
    const rows = new Map(this.known);
    if (unknown.length > 0) {
      const clause = "WHERE id IN (SELECT value FROM json_each(?))";
      for (const row of this.select(clause, JSON.stringify(unknown))) rows.set(row.id, this.remember(row));
    }
    return ids.map((id) => rows.get(id) ?? null);
  }

  insert(question: NewQuestion): void {
    const row = { ...question, tries: 0, inReview: false, above: null };
    this.keep(row);
    this.added.add(row.id);
    if (row.answer.status === "open") this.open.changed(row.owner, 1);
    this.writeUnlessLater();
  }

  /** Stores a better answer; false where the question is answered already: its first answer stays. */
  setAnswer(answer: Answer): boolean {
    const row = this.row(answer.id);
    if (row?.answer.status !== "open") return false;
    this.change(row.id, { answer });
    if (answer.status === "answered") this.open.changed(row.owner, -1);
    return true;
  }

  /** Replaces an answer whose label was corrected. */
  correctAnswer(answer: Answer): void {
    this.change(answer.id, { answer });
  }

  /** Stores a rung's opinion of a question, once for each rung and version. */
  addOpinion(id: string, opinion: Opinion): void {
    // Another edge node may be the rung above.
    const isOther = ({ rung, version }: Opinion) => rung !== opinion.rung || version !== opinion.version;
    const others = this.row(id)?.opinions.filter(isOther) ?? [];
    this.change(id, { opinions: [...others, opinion] });
  }

  /** Records what the rung above answered. */
  setAbove(id: string, { label, scores, given = [] }: AboveAnswer): void {
    this.change(id, { above: { label, scores, ...(given.length > 0 ? { given } : {}) } });
  }

  /** Counts the questions that are with people, or on their way. */
  withPeople(): number {
    this.write();
    const query =
      "SELECT (SELECT count(*) FROM questions WHERE inReview = 1 AND status = 'open') + (SELECT count(*) FROM questions WHERE reviewAt IS NOT NULL) AS n";
    return this.sql.exec<{ n: number }>(query).one().n;
  }

  /** Sets when the next rung is asked again; null: never. */
  setEscalation(id: string, escalateAt: number | null, tries: number): void {
    this.change(id, { escalateAt, tries });
  }

  /**
   * Schedules the questions that an earlier instance of this object was answering: those after `through` that are open, and that
   * nothing has. Returns whether there are any.
   */
  escalateLost(through: number, at: number): boolean {
    const query = `UPDATE questions SET escalateAt = ? WHERE rowid > ? AND status = 'open' AND escalateAt IS NULL
      AND above IS NULL AND (audited = 1 OR (reviewAt IS NULL AND inReview = 0))`;
    return this.sql.exec(query, at, through).rowsWritten > 0;
  }

  dueToEscalate(now: number, limit: number): StoredQuestion[] {
    this.write();
    return this.select("WHERE escalateAt <= ? ORDER BY escalateAt LIMIT ?", now, limit);
  }

  /** Makes due what waits for the next rung since it could not be reached; false where nothing does. */
  bringForward(now: number): boolean {
    this.write();
    this.forgetRows();
    const query = "UPDATE questions SET escalateAt = ?1 WHERE escalateAt > ?1 AND tries > 0";
    return this.sql.exec(query, now).rowsWritten > 0;
  }

  /** Counts the questions that wait for the next rung. */
  backlog(): number {
    this.write();
    const query = "SELECT count(*) AS n FROM questions WHERE escalateAt IS NOT NULL";
    return this.sql.exec<{ n: number }>(query).one().n;
  }

  nextEscalation(): number | null {
    this.write();
    const query = "SELECT min(escalateAt) AS least FROM questions";
    return this.sql.exec<{ least: number | null }>(query).one().least;
  }

  /** Sets when the question is handed to the review queue; null: never. */
  setReview(id: string, reviewAt: number | null): void {
    this.change(id, { reviewAt });
  }

  /** Records that the review queue has the question; false where it was withdrawn in the meantime. */
  setInReview(id: string): boolean {
    this.write();
    const query = "UPDATE questions SET reviewAt = NULL, inReview = 1 WHERE id = ? AND reviewAt IS NOT NULL";
    const isChanged = this.sql.exec(query, id).rowsWritten > 0;
    const row = this.known.get(id);
    if (row && isChanged) this.known.set(id, { ...row, reviewAt: null, inReview: true });
    return isChanged;
  }

  dueToReview(limit: number): StoredQuestion[] {
    this.write();
    return this.select("WHERE reviewAt IS NOT NULL ORDER BY reviewAt LIMIT ?", limit);
  }

  /** Deletes the instance; its hash stays. */
  dropInput(id: string): void {
    this.change(id, { instance: null });
  }

  remove(id: string): void {
    this.write();
    const query = "DELETE FROM questions WHERE id = ? RETURNING owner, status";
    const [row] = this.sql.exec<Pick<StoredQuestion, "owner"> & Pick<Answer, "status">>(query, id).toArray();
    this.known.delete(id);
    if (row && this.total !== null) this.total--;
    if (row?.status === "open") this.open.changed(row.owner, -1);
  }

  /** Deletes answered questions that have expired. Open ones stay. */
  expire(now: number): void {
    this.write();
    const firstLater = "SELECT rowid FROM questions WHERE expiresAt > ?1 ORDER BY rowid LIMIT 1";
    questionsTable.delete(
      this.sql,
      `WHERE rowid < coalesce((${firstLater}), 9e15) AND expiresAt <= ?1 AND status = 'answered'`,
      now,
    );
    const { n } = this.sql.exec<{ n: number }>("SELECT changes() AS n").one();
    if (this.total !== null) this.total -= n;
  }

  nextExpiry(): number | null {
    const query = "SELECT expiresAt FROM questions ORDER BY rowid LIMIT 1";
    return this.sql.exec<{ expiresAt: number }>(query).toArray()[0]?.expiresAt ?? null;
  }

  /** Counts the table once, and then with each change. */
  counts(): { total: number; open: number } {
    this.write();
    this.total ??= this.sql.exec<{ n: number }>("SELECT count(*) AS n FROM questions").one().n;
    return { total: this.total, open: this.open.total() };
  }

  private row(id: string): StoredQuestion | null {
    const known = this.known.get(id);
    if (known) return known;
    if (this.changes.has(id)) this.write();
    const [row] = this.select("WHERE id = ?", id);
    return row ? this.remember(row) : null;
  }

  private remember(row: StoredQuestion): StoredQuestion {
    if (this.transactions > 0 || this.holders.has(row.id)) this.keep(row);
    return row;
  }

  private keep(row: StoredQuestion): void {
    this.known.set(row.id, row);
    if (!this.holders.has(row.id)) this.unheld.add(row.id);
  }

  private change(id: string, change: Partial<StoredQuestion>): void {
    const row = this.known.get(id);
    if (row) {
      const isSame = (name: string) => row[name as keyof StoredQuestion] === change[name as keyof StoredQuestion];
      if (Object.keys(change).every(isSame)) return;
      this.known.set(id, { ...row, ...change });
    }
    this.changes.set(id, { ...this.changes.get(id), ...change });
    this.writeUnlessLater();
  }

  private writeUnlessLater(): void {
    if (this.transactions > 0) return;
    this.write();
    this.forgetUnheld();
  }

  /** Writes what has changed: each row once. */
  private write(): void {
    for (const id of this.added) {
      const row = this.known.get(id) as StoredQuestion;
      const number = this.lastNumber() + 1;
      questionsTable.insert(this.sql, stored(row) as Parameters<typeof questionsTable.insert>[1], "fail", number);
      this.last = number;
      if (this.total !== null) this.total++;
      if (row.answer.status === "open") this.underway.set(id, number);
    }
    for (const [id, change] of this.changes) {
      if (this.added.has(id)) continue;
      const number = this.underway.get(id);
      // Its number finds a row sooner. One that was undone may be another question's by now.
      if (number === undefined) questionsTable.update(this.sql, stored(change), "WHERE id = ?", id);
      else questionsTable.update(this.sql, stored(change), "WHERE rowid = ? AND id = ?", number, id);
    }
    this.added.clear();
    this.changes.clear();
  }

  private lastNumber(): number {
    // A number is not given again to a later question, even after the last one was deleted.
    const query = `SELECT max(coalesce((SELECT max(rowid) FROM questions), 0),
      coalesce((SELECT max(through) FROM counts), 0)) AS last`;
    this.last ??= this.sql.exec<{ last: number }>(query).one().last;
    return this.last;
  }

  private forgetUnheld(): void {
    if (this.transactions > 0) return;
    for (const id of this.unheld) if (!this.holders.has(id)) this.known.delete(id);
    this.unheld.clear();
  }

  private select(clause: string, ...values: SqlStorageValue[]): StoredQuestion[] {
    return Array.from(
      questionsTable.select(this.sql, clause, ...values),
      ({ backbone, embedding, status: _, ...row }) => ({
        ...row,
        embedding: backbone && embedding ? { backbone, vector: new Int16Array(embedding) } : null,
      }),
    );
  }
}

/** Returns a row, or some of its values, as the table has them. */
function stored({ embedding, ...row }: Partial<StoredQuestion>) {
  return {
    ...row,
    ...(row.answer ? { status: row.answer.status } : {}),
    ...(embedding === undefined
      ? {}
      : { backbone: embedding?.backbone ?? null, embedding: embedding?.vector.buffer ?? null }),
  };
}

/** Returns a stored question in the form that the next rung takes. */
export function questionOf({ id, instance, at, audited, candidates }: StoredQuestion, region: string): Question {
  // An open question still has its instance.
  const asked = { id, region, instance: instance as Instance, at };
  return { ...asked, ...(candidates ? { candidates } : {}), ...(audited ? { audit: true } : {}) };
}
