import { defaulted, number, table, text } from "../../table.ts";

const dayMs = 24 * 3600_000;

export const untrustedLabelsTable = table("untrusted_labels", {
  /** Days since 1970 (UTC). */
  day: number(),
  owner: text(),
  /** Labels that were taken, corrections and labels of questions that are forgotten again included. */
  given: defaulted(number()),
  refused: defaulted(number()),
});

/** The table `untrusted_labels`: the labels that tokens without trust gave today. */
export class UntrustedLabels {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Counts the labels that were taken today: of one token, and of all. */
  givenToday(owner: string): { own: number; all: number } {
    const query = `SELECT coalesce(sum(given), 0) AS all_, coalesce(sum(CASE WHEN owner = ?2 THEN given END), 0) AS own
      FROM untrusted_labels WHERE day = ?1`;
    const { own, all_ } = this.sql.exec<{ own: number; all_: number }>(query, today(), owner).one();
    return { own, all: all_ };
  }

  refusedToday(): number {
    const query = "SELECT coalesce(sum(refused), 0) AS n FROM untrusted_labels WHERE day = ?";
    return this.sql.exec<{ n: number }>(query, today()).one().n;
  }

  /** Counts labels of a token, and deletes the counts of earlier days. */
  count(owner: string, { given, refused }: { given: number; refused: number }): void {
    const day = today();
    untrustedLabelsTable.delete(this.sql, "WHERE day < ?", day);
    this.sql.exec(
      `INSERT INTO untrusted_labels (day, owner, given, refused) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT DO UPDATE SET given = given + ?3, refused = refused + ?4`,
      ...[day, owner, given, refused],
    );
  }
}

function today(): number {
  return Math.floor(Date.now() / dayMs);
}
