import { type Help, type HelpPair, learnHelp, noHelp } from "#core/budget/help.ts";
import { learnTokenUse, noTokenUse, type TokenUse } from "#core/budget/price.ts";
import { type ExternalRung, externalIdentity } from "#core/contract/index.ts";
import { type Calibration, learnCalibration, noCalibration } from "#core/rung/external/calibration.ts";
import type { NoAnswer } from "#core/rung/rung.ts";
import { json, table, text } from "../../table.ts";

/** What a region knows of a rung that we don't own. */
export interface ExternalState {
  calibration: Calibration;
  /** Questions, by what came of them. Every count only grows. */
  answered: number;
  unanswered: Record<NoAnswer, number>;
  inputTokens: number;
  /** What its answers cost, in US dollars. */
  usd: number;
  /** Where it helps, by labels, and how many tokens it reads. Rows of earlier releases have neither. */
  help: Help;
  use: TokenUse;
}

/** A rung's row has its name and what it is: another model under the same name starts over. */
export const externalRungsTable = table("external_rungs", { rung: text(), state: json<ExternalState>() });

/** What asking a rung about some questions led to. */
export interface ExternalTally {
  answered: number;
  unanswered: readonly NoAnswer[];
  inputTokens: number;
  usd: number;
}

/** The table `external_rungs`: calibration, outcomes and spending of the rungs that we don't own. */
export class ExternalRungs {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  get(rung: ExternalRung): ExternalState {
    const known = externalRungsTable.first(this.sql, "WHERE rung = ?", keyOf(rung))?.state;
    return { ...noState, calibration: noCalibration(), help: noHelp(), use: noTokenUse(), ...known };
  }

  count(rung: ExternalRung, { answered, unanswered, inputTokens, usd }: ExternalTally): void {
    const state = this.get(rung);
    const counts = { ...state.unanswered };
    for (const why of unanswered) counts[why]++;
    this.set(rung, {
      ...state,
      answered: state.answered + answered,
      unanswered: counts,
      inputTokens: state.inputTokens + inputTokens,
      usd: state.usd + usd,
    });
  }

  /** Calibrates a rung by a labelled answer; `label` is the place of its class. */
  learn(rung: ExternalRung, scores: readonly number[], label: number): void {
    const state = this.get(rung);
    this.set(rung, { ...state, calibration: learnCalibration(state.calibration, scores, label) });
  }

  /** Learns where it helps from a labelled question. */
  learnHelp(rung: ExternalRung, pair: HelpPair): void {
    const state = this.get(rung);
    this.set(rung, { ...state, help: learnHelp(state.help, pair) });
  }

  /** Learns how many tokens it reads from an answer. */
  learnTokens(rung: ExternalRung, use: TokenUse): void {
    const state = this.get(rung);
    this.set(rung, { ...state, use: learnTokenUse(state.use, use) });
  }

  private set(rung: ExternalRung, state: ExternalState): void {
    externalRungsTable.insert(this.sql, { rung: keyOf(rung), state }, "replace");
  }
}

function keyOf(rung: ExternalRung): string {
  return `${rung.name} ${externalIdentity(rung)}`;
}

const noState: Omit<ExternalState, "calibration" | "help" | "use"> = {
  answered: 0,
  unanswered: { failed: 0, late: 0, "rate-limited": 0, allowance: 0, rejected: 0, declined: 0 },
  inputTokens: 0,
  usd: 0,
};
