import type { EscalationState } from "#core/confidence/escalation.ts";
import type { Stacking } from "#core/head/stacking.ts";
import { defaulted, json, number, table } from "../../table.ts";

export const escalationsTable = table("escalations", {
  base: number(),
  state: json<EscalationState>(),
  stacking: json<Stacking>(),
  /** Questions that the rung above was not asked, although the edge did not accept them. */
  unasked: defaulted(number()),
});

/** What labels say of the rung above a version. */
export interface Comparison {
  state: EscalationState;
  stacking: Stacking;
}

/** The table `escalations`: whether escalation pays, by version. */
export class Escalations {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(base: number): (Comparison & { unasked: number }) | null {
    return escalationsTable.first(this.sql, "WHERE base = ?", base);
  }

  set(base: number, { state, stacking }: Comparison): void {
    this.sql.exec(
      `INSERT INTO escalations (base, state, stacking) VALUES (?1, ?2, ?3)
       ON CONFLICT DO UPDATE SET state = ?2, stacking = ?3`,
      ...[base, JSON.stringify(state), JSON.stringify(stacking)],
    );
  }

  /** Forgets what labels say of the rungs above: their comparison starts over. */
  forget(): void {
    escalationsTable.delete(this.sql, "");
  }

  countUnasked(base: number, questions: number): void {
    this.sql.exec("UPDATE escalations SET unasked = unasked + ? WHERE base = ?", questions, base);
  }
}
