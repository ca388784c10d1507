import type { Alert, AlertKind, Webhook } from "#core/contract/index.ts";
import { defaulted, json, nullable, number, type RowOf, table, text } from "../../table.ts";

/** Alerts that are kept. Tests are counted apart: they must not push out what happened. */
const keptAlerts = 200;
const keptTests = 10;

const webhooks = table("webhooks", {
  id: text(),
  url: text(),
  /** Signs what it gets; kept as it is, since an HMAC needs it. */
  secret: text(),
  form: text<Webhook["form"]>(),
  kinds: nullable(json<AlertKind[]>()),
  createdAt: number(),
  createdBy: text(),
  last: nullable(json<NonNullable<Webhook["last"]>>()),
});

const alerts = table("alerts", {
  number: defaulted(number()),
  id: text(),
  at: number(),
  kind: text<AlertKind>(),
  region: nullable(text()),
  title: text(),
  detail: text(),
});

/** A webhook with its address and secret. */
export type StoredWebhook = RowOf<typeof webhooks>;
/** An alert without its model. */
export type StoredAlert = Omit<Alert, "model">;

/** The tables `webhooks` and `alerts`: the receivers, and what they are sent. */
export class AlertTables {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  addWebhook(webhook: Omit<StoredWebhook, "last">): void {
    webhooks.insert(this.sql, { ...webhook, last: null });
  }

  webhook(id: string): StoredWebhook | null {
    return webhooks.first(this.sql, "WHERE id = ?", id);
  }

  webhooks(): StoredWebhook[] {
    return [...webhooks.select(this.sql, "ORDER BY createdAt, id")];
  }

  removeWebhook(id: string): void {
    webhooks.delete(this.sql, "WHERE id = ?", id);
  }

  setLast(id: string, last: NonNullable<Webhook["last"]>): void {
    webhooks.update(this.sql, { last }, "WHERE id = ?", id);
  }

  add(alert: StoredAlert): void {
    alerts.insert(this.sql, alert);
    const [isSame, kept] = alert.kind === "test" ? ["kind = 'test'", keptTests] : ["kind <> 'test'", keptAlerts];
    const oldest = `SELECT number FROM alerts WHERE ${isSame} ORDER BY number DESC LIMIT -1 OFFSET ${kept}`;
    alerts.delete(this.sql, `WHERE number IN (${oldest})`);
  }

  alert(id: string): StoredAlert | null {
    return alerts.first(this.sql, "WHERE id = ?", id);
  }

  /** Returns the last alert of a kind about a region (null: about the model). */
  lastOf(kind: AlertKind, region: string | null): StoredAlert | null {
    return alerts.first(this.sql, "WHERE kind = ? AND region IS ? ORDER BY number DESC", kind, region);
  }

  /** Lists the alerts, the newest first. */
  all(): StoredAlert[] {
    return Array.from(alerts.select(this.sql, "ORDER BY number DESC"), ({ number: _, ...alert }) => alert);
  }

  forgetRegion(region: string): void {
    alerts.delete(this.sql, "WHERE region = ?", region);
  }
}
