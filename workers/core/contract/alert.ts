import * as z from "zod";
import { modelNameSchema } from "./manifest.ts";
import { regionSchema } from "./region.ts";

/** What alerts are about. A `test` is sent on request alone. */
export const alertKinds = [
  "certificate-void",
  "certificate-valid",
  "drift",
  "escalation-does-not-pay",
  "rung-above-fails",
  "rung-above-answers",
  "retrain-failed",
  "retrain-held",
  "queue",
  "budget",
  "canary",
  "test",
] as const;
export type AlertKind = (typeof alertKinds)[number];

export const alertSchema = z
  .strictObject({
    /** The same in every delivery of this alert: a receiver takes it once. */
    id: z.string(),
    model: modelNameSchema,
    kind: z.enum(alertKinds),
    /** Null for what is about the whole model. */
    region: regionSchema.nullable(),
    title: z.string(),
    detail: z.string(),
    /** ms since 1970. */
    at: z.int(),
  })
  .meta({ id: "Alert" });
/** Something that happened to a model or a region, and may need a person at once. */
export type Alert = z.infer<typeof alertSchema>;

/** `json`: the alert itself, signed. `slack`: a text, as Slack and compatible receivers take it. */
export const webhookForms = ["json", "slack"] as const;

/** The largest number of webhooks of a model. */
export const webhooksMax = 10;

const kindsSchema = z.array(z.enum(alertKinds)).min(1).max(alertKinds.length);

export const webhookOrderSchema = z
  .strictObject({
    /** An https address without a user and password. A local ladder also takes http://localhost. */
    url: z.string().max(2_048),
    form: z.enum(webhookForms).default("json"),
    /** The kinds to send; all unless given. */
    kinds: kindsSchema.optional(),
  })
  .meta({ id: "NewWebhook" });
/** A webhook to add, as it is sent and with its defaults. */
export type NewWebhook = z.input<typeof webhookOrderSchema>;
export type WebhookOrder = z.infer<typeof webhookOrderSchema>;

export const webhookSchema = z
  .strictObject({
    id: z.string(),
    /** Without its path, which may be a secret. */
    host: z.string(),
    form: z.enum(webhookForms),
    kinds: kindsSchema.nullable(),
    createdAt: z.int(),
    /** The id of the token that added it. */
    createdBy: z.string(),
    /** The last attempt: when, which alert, and whether the receiver took it; null before the first. */
    last: z.strictObject({ at: z.int(), alert: z.string(), delivered: z.boolean(), detail: z.string() }).nullable(),
    /** Alerts that wait for this receiver. */
    waiting: z.int(),
  })
  .meta({ id: "Webhook" });
/** Where alerts are sent. */
export type Webhook = z.infer<typeof webhookSchema>;

/** A webhook that was added, and the secret that signs what it gets: shown once. */
export const addedWebhookSchema = z
  .strictObject({ webhook: webhookSchema, secret: z.string() })
  .meta({ id: "AddedWebhook" });
export type AddedWebhook = z.infer<typeof addedWebhookSchema>;

export const alertsSchema = z
  .strictObject({
    /** The last 200 and the last 10 tests, the newest first. */
    alerts: z.array(alertSchema),
    webhooks: z.array(webhookSchema),
  })
  .meta({ id: "Alerts" });
export type Alerts = z.infer<typeof alertsSchema>;

export const removedWebhookSchema = z
  .strictObject({ id: z.string(), removed: z.literal(true) })
  .meta({ id: "RemovedWebhook" });

/** A test that is on its way, with the id of its alert. */
export const sentTestSchema = z.strictObject({ alert: z.string() }).meta({ id: "SentTest" });
