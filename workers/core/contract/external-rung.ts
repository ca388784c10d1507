import * as z from "zod";
import { rungs } from "./answer.ts";

/** The protocols of rungs that we don't own. `http` is our own protocol, spoken by another's node. */
export const externalKinds = [
  "system-one",
  "openai-decisions",
  "openai-chat",
  "workers-ai",
  "open-inference",
  "http",
] as const;
export type ExternalKind = (typeof externalKinds)[number];

/** How long an external rung is waited for, at most. */
export const externalDeadlineMaxMs = 10_000;

/** The prefix keeps a manifest from naming another secret of the deployment, which would then be sent to its URL. */
const keyPattern = /^RUNG_KEY_[A-Z0-9_]{1,48}$/;
const namePattern = /^[a-z0-9][a-z0-9-]{0,31}$/;
const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

export const priceSchema = z.strictObject({
  usdPerQuestion: z.number().nonnegative().optional(),
  usdPerMillionInputTokens: z.number().nonnegative().optional(),
});
/** What a question costs, in US dollars. */
export type Price = z.infer<typeof priceSchema>;

/** A rung that we don't own: a decision model, an LLM, an inference server. Its answers have the rung `origin`. */
export const externalRungSchema = z
  .strictObject({
    /** Its name in answers, logs and figures. */
    name: z.string().regex(namePattern, "lower-case letters, digits and '-', 32 at most"),
    kind: z.enum(externalKinds),
    /** The server's URL without the protocol's path, such as "https://api.openai.com". */
    url: z.string().max(2_048).optional(),
    /** What the server calls its model. */
    model: z.string().min(1).max(256),
    /** The variable of the Worker that holds its key; the key itself is never in a recipe or a manifest. */
    key: z.string().regex(keyPattern, "RUNG_KEY_ and capital letters, digits or '_'").optional(),
    /** What the rung is to decide. */
    instructions: z.string().min(1).max(10_000).optional(),
    /** Descriptions of labels. */
    labels: z.record(z.string(), z.string().min(1).max(2_000)).optional(),
    price: priceSchema.optional(),
    /** Milliseconds until an answer is late; 4,000 unless given. */
    deadlineMs: z.int().min(100).max(externalDeadlineMaxMs).optional(),
    /** The most questions that all regions together ask in a span of time. */
    rateLimit: z.strictObject({ questions: z.int().positive(), perSeconds: z.int().positive().max(86_400) }).optional(),
    /** Labels that must have calibrated it before its answers are accepted; 30 unless given. */
    minLabels: z.int().nonnegative().optional(),
    /** The calibrated confidence from which its answers are accepted; 1 minus the target risk unless given. */
    threshold: z.number().min(0).max(1).optional(),
    /** `openai-chat`: how often it is asked where it gives no log-probabilities; the shares are its scores. 1 unless given. */
    votes: z.int().min(1).max(16).optional(),
    /**
     * `open-inference`: the text tensor that takes the whole instance (each column is a tensor unless given), the output
     * with one value for each label, in the order of the labels ("scores" unless given), and whether these are logits.
     */
    tensors: z
      .strictObject({
        input: z.string().min(1).optional(),
        output: z.string().min(1).optional(),
        logits: z.boolean().optional(),
      })
      .optional(),
  })
  .refine(({ name }) => !(rungs as readonly string[]).includes(name), {
    path: ["name"],
    error: "another name than those of our rungs",
  })
  .refine(({ kind, url }) => (url === undefined) === (kind === "workers-ai"), {
    path: ["url"],
    error: "present, except for workers-ai, which is a binding",
  })
  .refine(({ url }) => url === undefined || isPlainUrl(url), {
    path: ["url"],
    error: "an http or https URL without credentials, query or fragment",
  })
  .refine(({ url }) => url === undefined || !/\/v1\/?$/.test(url), {
    path: ["url"],
    error: "a URL without the protocol's path, so without /v1",
  })
  .refine(({ url, key }) => url === undefined || key === undefined || keepsKeys(url), {
    path: ["url"],
    error: "an https URL where a key is sent, or this machine",
  })
  .meta({ id: "ExternalRung" });
export type ExternalRung = z.infer<typeof externalRungSchema>;

/** Formats what a rung is, whatever it is called: another model must be calibrated again. */
export function externalIdentity({ kind, url = "", model }: ExternalRung): string {
  return `${kind} ${url} ${model}`;
}

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  return [url.username, url.password, url.search, url.hash].every((part) => part === "");
}

function keepsKeys(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === "https:" || loopback.has(url?.hostname ?? "");
}

export const externalRungStateSchema = z
  .strictObject({
    name: z.string(),
    kind: z.enum(externalKinds),
    model: z.string(),
    /** `asked`, or why it is not: its key or binding is missing, its allowance is used up, it limits the rate. */
    status: z.enum(["asked", "not-configured", "allowance", "rate-limited"]),
    /** Labelled answers that calibrate its scores, and the temperature that they give. */
    calibration: z.strictObject({ labels: z.int(), temperature: z.number() }),
    /** Questions that it answered, and others by the reason. */
    answered: z.int(),
    unanswered: z.record(z.string(), z.int()),
    inputTokens: z.int(),
    /** What its answers cost, in US dollars. */
    usd: z.number(),
  })
  .meta({ id: "ExternalRungState" });
/** What a region knows of a rung that we don't own. */
export type ExternalRungState = z.infer<typeof externalRungStateSchema>;
