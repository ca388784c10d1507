import type { EscalationState } from "#core/confidence/escalation.ts";
import type { Stacking } from "#core/head/stacking.ts";
import { defaulted, json, number, table } from "../../table.ts";
import { Memory } from "./memory.ts";

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
  private readonly memory: Memory;

  constructor(sql: SqlStorage, memory = new Memory()) {
    this.sql = sql;
    this.memory = memory;
  }

  get(base: number): (Comparison & { unasked: number }) | null {
    return this.memory.get(`escalation ${base}`, () => escalationsTable.first(this.sql, "WHERE base = ?", base));
  }

  set(base: number, { state, stacking }: Comparison): void {
    this.sql.exec(
      `INSERT INTO escalations (base, state, stacking) VALUES (?1, ?2, ?3)
       ON CONFLICT DO UPDATE SET state = ?2, stacking = ?3`,
      ...[base, JSON.stringify(state), JSON.stringify(stacking)],
    );
    this.memory.forget(`escalation ${base}`);
  }

  /** Forgets what labels say of the rungs above: their comparison starts over. */
  forget(): void {
    escalationsTable.delete(this.sql, "");
    this.memory.forgetAll();
  }

  countUnasked(base: number, questions: number): void {
    this.sql.exec("UPDATE escalations SET unasked = unasked + ? WHERE base = ?", questions, base);
    this.memory.forget(`escalation ${base}`);
  }
}
