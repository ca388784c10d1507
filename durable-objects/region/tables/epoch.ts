import { table, text } from "../../table.ts";

export const epochTable = table("epoch", { id: text() });

/** Creates the table `epoch` with a random id. An object that lost its state makes another one. */
export function createEpoch(sql: SqlStorage): void {
  sql.exec("CREATE TABLE epoch (id TEXT NOT NULL)");
  sql.exec("INSERT INTO epoch VALUES (lower(hex(randomblob(8))))");
}

/** Returns the id of the object's state: revisions and sums are comparable within one epoch alone. */
export function epochOf(sql: SqlStorage): string {
  return (epochTable.first(sql, "") as { id: string }).id;
}

/** Goes on with an epoch after the tables were emptied on purpose: revisions go on as well. */
export function continueEpoch(sql: SqlStorage, id: string): void {
  epochTable.update(sql, { id }, "");
}
