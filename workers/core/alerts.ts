import type { Alert, AlertKind } from "./contract/index.ts";
import { count } from "./format.ts";
import { hmacHex } from "./hash.ts";
import { type NeedyState, needsOf, type RegionNeed } from "./region-need.ts";

/** What an alert says, before it has an id and a time. */
export type News = Pick<Alert, "kind" | "region" | "title" | "detail">;

/** The needs of a region that are worth an alert when they begin. That the rung above fails is told of all regions together. */
const alerting: Partial<Record<RegionNeed, { kind: AlertKind; title: string; detail: string }>> = {
  "certificate-void": {
    kind: "certificate-void",
    title: "Certificate void",
    detail: "More accepted answers were wrong than the target allows.",
  },
  "retrain-held": {
    kind: "retrain-held",
    title: "Retrain held",
    detail: "Labels of tokens that are not trusted decide it: accept or forget them.",
  },
  drift: {
    kind: "drift",
    title: "Input drift",
    detail: "The questions differ from those that the model was trained on.",
  },
  "retrain-failed": { kind: "retrain-failed", title: "Retrain failed", detail: "The head in use goes on serving." },
  "escalation-does-not-pay": {
    kind: "escalation-does-not-pay",
    title: "Escalation does not pay",
    detail: "The rung above is not better than the edge here.",
  },
};

/** Returns the alerts for what changed in a region. */
export function newsOf(region: string, before: NeedyState | null, after: NeedyState): News[] {
  const known = new Set(before ? needsOf(before) : []);
  const begun = needsOf(after).flatMap((need) => (known.has(need) ? [] : (alerting[need] ?? [])));
  const isReached = before?.certificate?.status !== "valid" && after.certificate?.status === "valid";
  const reached = {
    kind: "certificate-valid" as const,
    title: "Certificate valid",
    detail: "Its labels prove that the error is at most the target.",
  };
  return [...begun, ...(isReached && before !== null ? [reached] : [])].map((news) => ({ ...news, region }));
}

/** Returns what to say of the certificate of all regions together. */
export function groupNews(kind: "certificate-void" | "certificate-valid", reason: string): News {
  const title = kind === "certificate-void" ? "Certificate void" : "Certificate valid";
  return { kind, region: null, title, detail: `All regions together: ${reason}.` };
}

/** Regions that an alert names at most. */
const namedMax = 5;

/** Returns what to say where the rung above fails in some regions, of so many. */
export function outageNews(names: readonly string[], of: number): News {
  const [first = ""] = names;
  const others = names.length - namedMax;
  const listed = `${names.slice(0, namedMax).join(", ")}${others > 0 ? ` and ${count(others)} more` : ""}`;
  const who = names.length === 1 ? "The region" : `${count(names.length)} of ${count(of)} regions (${listed})`;
  return {
    kind: "rung-above-fails",
    region: names.length === 1 ? first : null,
    title: "Rung above fails",
    detail: `${who} stopped asking it after repeated failures. It is tried again every few seconds.`,
  };
}

/** What to say where the rung above answers every region again. */
export const recoveryNews: News = {
  kind: "rung-above-answers",
  region: null,
  title: "Rung above answers again",
  detail: "It answers every region that had stopped asking it.",
};

/** The number of a model's open questions from which on there is an alert. */
export const queueAlertAt = 100;

/** Returns what to say where a model's open questions rise above the limit. */
export function queueNews(before: number, after: number): News[] {
  if (before >= queueAlertAt || after < queueAlertAt) return [];
  const detail = `${after} questions wait for an answer; an alert comes from ${queueAlertAt} on.`;
  return [{ kind: "queue", region: null, title: "Questions pile up", detail }];
}

/** What is sent to a receiver. */
export interface Delivery {
  body: string;
  headers: Record<string, string>;
}

/**
 * Puts together what a webhook gets. The signature is the HMAC-SHA-256 of `{time}.{body}` under the webhook's secret, in hex; a
 * receiver checks it, refuses old times, and takes each `upriver-event` once.
 */
export async function deliveryOf(alert: Alert, form: "json" | "slack", secret: string, now: number): Promise<Delivery> {
  const where = alert.region === null ? alert.model : `${alert.model}, ${alert.region}`;
  const body = JSON.stringify(form === "slack" ? { text: `*${alert.title}* (${where}): ${alert.detail}` } : alert);
  const signature = await hmacHex(secret, `${now}.${body}`);
  return {
    body,
    headers: {
      "content-type": "application/json",
      "upriver-event": alert.id,
      "upriver-signature": `t=${now},v1=${signature}`,
      "user-agent": "Upriver-Alerts/1",
    },
  };
}

/** The variable that lets webhooks reach this machine; only local ladders set it. */
export const localWebhooksSetting = "LOCAL_WEBHOOKS";

/** Tells whether webhooks may reach this machine. */
export function allowsLocalWebhooks(env: object): boolean {
  return (env as Record<string, unknown>)[localWebhooksSetting] === "true";
}

/** Returns why an address can't be a webhook; null where it can. */
export function webhookFault(url: string, allowsLocal: boolean): string | null {
  const parsed = URL.parse(url);
  if (!parsed) return "an absolute address, such as https://example.com/alerts";
  if (parsed.username !== "" || parsed.password !== "") return "an address without a user and password";
  if (parsed.protocol === "https:") return null;
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(parsed.hostname);
  return allowsLocal && isLocal && parsed.protocol === "http:" ? null : "an https address";
}
