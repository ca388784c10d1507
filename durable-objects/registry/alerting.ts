import { deliveryOf, type News, webhookFault } from "#core/alerts.ts";
import { monthOf } from "#core/budget/month.ts";
import { leftMs } from "#core/clock.ts";
import {
  type Alert,
  type Alerts,
  type ModelSpending,
  type Webhook,
  type WebhookOrder,
  webhooksMax,
} from "#core/contract/index.ts";
import { toHex } from "#core/hash.ts";
import { randomBytes } from "#core/random.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { Jobs } from "../jobs.ts";
import type { RegistryRefusal } from "./api.ts";
import type { AlertTables, StoredAlert, StoredWebhook } from "./tables/alerts.ts";

/** The same alert about the same region does not come again within this time. */
const quietMs = 3600_000;
/** How long a receiver may take, and how long an alert that it does not take is sent again. */
const receiverTimeoutMs = 10_000;
const deliverForMs = 24 * 3600_000;
/** A receiver that did not reply in time is tried once in this time, so that it does not keep those of others waiting. */
const restMs = 60_000;
const late = "the receiver did not reply in time";

/** What alerting needs. */
interface Needs {
  model: string;
  tables: AlertTables;
  jobs: Pick<Jobs, "put" | "drop" | "keys">;
  /** Whether webhooks may reach this machine: on a local ladder. */
  allowsLocal: boolean;
}

const hexOf = (bytes: number) => toHex(randomBytes(bytes));

/** Records alerts, and sends them to webhooks. */
export class Alerting {
  private readonly needs: Needs;
  /** When each receiver that did not reply in time was last tried. */
  private readonly triedAt = new Map<string, number>();

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Records news, and schedules its deliveries. Part of the transaction in which it became true. */
  raise(news: readonly News[], quietForMs = quietMs): void {
    const { tables } = this.needs;
    for (const one of news) {
      const last = tables.lastOf(one.kind, one.region);
      if (last && leftMs(last.at + quietForMs, quietForMs, Date.now()) > 0) continue;
      const wanted = tables.webhooks().filter(({ kinds }) => kinds === null || kinds.includes(one.kind));
      this.send(one, wanted);
    }
  }

  /** Tells once a month that the budget leaves questions out, and once that it is used up. */
  budget({ status, month, usdPerMonth, leftOut }: ModelSpending): void {
    if (status !== "choosing" && status !== "used-up") return;
    const title = status === "used-up" ? "Budget used up" : "Budget leaves questions out";
    const last = this.needs.tables.lastOf("budget", null);
    const isTold = last && monthOf(last.at) === month && (last.title === title || status === "choosing");
    if (isTold) return;
    const detail = `${leftOut} questions of ${month} were left out of $${usdPerMonth}.`;
    this.raise([{ kind: "budget", region: null, title, detail }], 0);
  }

  /** Sends a test to one webhook. Returns the id of the alert; null for an unknown webhook. */
  test(id: string): string | null {
    const webhook = this.needs.tables.webhook(id);
    if (!webhook) return null;
    const detail = "Alerts of this model reach this receiver.";
    return this.send({ kind: "test", region: null, title: "Test alert", detail }, [webhook]);
  }

  add(
    { url, form, kinds }: WebhookOrder,
    createdBy: string,
  ): Result<{ webhook: Webhook; secret: string }, RegistryRefusal> {
    const { tables } = this.needs;
    if (tables.webhooks().length >= webhooksMax) return fail({ kind: "webhooks-full", max: webhooksMax });
    const [id, secret] = [hexOf(6), hexOf(32)];
    tables.addWebhook({ id, url, secret, form, kinds: kinds ?? null, createdAt: Date.now(), createdBy });
    return ok({ webhook: this.shown(tables.webhook(id) as StoredWebhook), secret });
  }

  /** Removes a webhook, with what waits for it; false for an unknown one. */
  remove(id: string): boolean {
    const { tables, jobs } = this.needs;
    if (!tables.webhook(id)) return false;
    for (const key of this.waitingFor(id)) jobs.drop("alert", key);
    tables.removeWebhook(id);
    this.triedAt.delete(id);
    return true;
  }

  list(): Alerts {
    const { tables, model } = this.needs;
    const webhooks = tables.webhooks().map((webhook) => this.shown(webhook));
    return { alerts: tables.all().map((alert) => ({ ...alert, model })), webhooks };
  }

  /** Runs the job `alert`: sends one alert to one webhook. Throws where it was not taken, so that it is sent again. */
  async deliver(key: string): Promise<null> {
    const { tables } = this.needs;
    const [id = "", alertId = ""] = key.split(" ");
    const [webhook, alert] = [tables.webhook(id), tables.alert(alertId)];
    if (!webhook || !alert) return null;
    const isLast = Date.now() - alert.at > deliverForMs;
    if (alert.kind !== "test" && !isLast && !this.mayTry(id))
      throw new Error(`webhook ${id} rests: it did not reply in time`);
    const detail = await this.post(webhook, alert);
    if (detail === late) this.triedAt.set(id, Date.now());
    else this.triedAt.delete(id);
    tables.setLast(id, { at: Date.now(), alert: alertId, delivered: detail === null, detail: detail ?? "taken" });
    if (detail === null || isLast) return null;
    throw new Error(`alert ${alertId} was not taken: ${detail}`);
  }

  forgetRegion(region: string): void {
    this.needs.tables.forgetRegion(region);
  }

  private send(news: News, to: readonly StoredWebhook[]): string {
    const { tables, jobs } = this.needs;
    const id = `evt_${hexOf(12)}`;
    tables.add({ id, at: Date.now(), ...news });
    for (const webhook of to) jobs.put("alert", `${webhook.id} ${id}`, Date.now());
    return id;
  }

  /** Sends an alert; returns why it was not taken, null where it was. Neither the address nor the secret is part of the reason. */
  private async post({ url, form, secret }: StoredWebhook, stored: StoredAlert): Promise<string | null> {
    const { model, allowsLocal } = this.needs;
    const fault = webhookFault(url, allowsLocal);
    if (fault) return `the address is not ${fault}`;
    const alert: Alert = { ...stored, model };
    const { body, headers } = await deliveryOf(alert, form, secret, Date.now());
    try {
      const signal = AbortSignal.timeout(receiverTimeoutMs);
      // A receiver that moved could lead anywhere: it is not followed.
      const response = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal });
      await response.body?.cancel();
      return response.ok ? null : `the receiver replied with status ${response.status}`;
    } catch (error) {
      return (error as Error).name === "TimeoutError" ? late : "the receiver can't be reached";
    }
  }

  /** Tells whether a receiver may be tried now. Only one alert at a time tries one that did not reply in time. */
  private mayTry(id: string): boolean {
    const triedAt = this.triedAt.get(id);
    if (triedAt === undefined) return true;
    if (leftMs(triedAt + restMs, restMs, Date.now()) > 0) return false;
    this.triedAt.set(id, Date.now());
    return true;
  }

  private waitingFor(id: string): string[] {
    return this.needs.jobs.keys("alert").filter((key) => key.startsWith(`${id} `));
  }

  private shown({ secret: _, url, ...webhook }: StoredWebhook): Webhook {
    return { ...webhook, host: new URL(url).origin, waiting: this.waitingFor(webhook.id).length };
  }
}

/** Returns what to say of a canary that ended by itself. */
export function canaryNews(version: number, outcome: "promoted" | "rolled back", reason: string): News {
  return { kind: "canary", region: null, title: `Canary ${version} ${outcome}`, detail: `${reason}.` };
}
