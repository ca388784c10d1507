import {
  type Answer,
  type LabelSource,
  passes,
  type QuestionBrief,
  type QuestionFilter,
  type QuestionPage,
} from "#core/contract/index.ts";
import { isWithin } from "#core/regress/read.ts";

/** Rows that one call reads at most, so that a filter that nothing passes ends. */
const scannedMax = 2_000;
/** Questions that a report to the registry names: the newest. */
const reportedMax = 10;

interface Row extends Record<string, SqlStorageValue> {
  number: number;
  id: string;
  at: number;
  receivedAt: number;
  accepted: number;
  prediction: string;
  answer: string;
  truth: string | null;
  source: LabelSource | null;
}

/** What listing needs. */
interface Needs {
  region: string;
  sql: SqlStorage;
}

/** Lists the questions that a region has stored. */
export class QuestionLister {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Returns the newest questions that pass a filter, before a row number (null: all). */
  page(filter: QuestionFilter, before: number | null, limit: number): QuestionPage {
    const questions: QuestionBrief[] = [];
    let scanned = 0;
    let last: number | null = null;
    for (const row of this.rows(before, scannedMax)) {
      scanned++;
      last = row.number;
      const brief = this.briefOf(row);
      if (passes(brief, filter)) questions.push(brief);
      if (questions.length === limit) break;
    }
    return { questions, next: scanned === scannedMax || questions.length === limit ? last : null };
  }

  /** Returns the newest ones, for a report. */
  newest(): QuestionBrief[] {
    return Array.from(this.rows(null, reportedMax), (row) => this.briefOf(row));
  }

  private rows(before: number | null, limit: number): Iterable<Row> {
    const query = `SELECT q.rowid AS number, q.id AS id, q.at AS at, receivedAt, q.accepted AS accepted, prediction, answer,
        s.label AS truth, s.source AS source
      FROM questions q LEFT JOIN samples s ON s.id = q.id WHERE q.rowid < ? ORDER BY q.rowid DESC LIMIT ?`;
    return this.needs.sql.exec<Row>(query, before ?? Number.MAX_SAFE_INTEGER, limit);
  }

  private briefOf({ id, at, receivedAt, accepted, prediction, answer, truth, source }: Row): QuestionBrief {
    const { region } = this.needs;
    const { status, rung, version, label, confidence, tolerance, warnings = [] } = JSON.parse(answer) as Answer;
    const isRight =
      tolerance === undefined ? prediction === truth : isWithin(Number(prediction), Number(truth), tolerance);
    return {
      ...{ id, region, at, receivedAt, status, rung, version, label, confidence, prediction, truth, source },
      accepted: accepted === 1,
      wrong: truth === null ? null : !isRight,
      warnings: warnings.length,
    };
  }
}
