import type { ExternalKind, ExternalRung, Policy } from "../../contract/index.ts";
import { aboveOf } from "./ladder.ts";
import { fieldsOf, postJson } from "./transport.ts";
import type { AiBinding } from "./workers-ai-binding.ts";

/** A Worker's variables, secrets and bindings, by name. */
export type Settings = Readonly<Record<string, unknown>>;

/** Where an external rung is reached: a URL with its key, or a binding. */
export interface Reach {
  endpoint: { url: string; key: string | null } | null;
  ai: AiBinding | null;
}

/** The variable with the URL of the local decision server; only local ladders set it. */
export const doubleSetting = "RUNG_DOUBLE_URL";
/** What the local decision server speaks. */
const doubled: readonly ExternalKind[] = ["system-one", "openai-decisions", "openai-chat", "workers-ai"];

/**
 * Returns how a rung is reached; null while its key or binding is missing. A secret is a key, or "https://host key", which
 * is sent to that host alone. Without its key, a local ladder asks the local decision server instead.
 */
export function reachOf(rung: ExternalRung, settings: Settings): Reach | null {
  // On a node that may share no instance, what publishers above write into a policy reaches nothing outside.
  if ((settings.SHARE || "samples") !== "samples") return null;
  const double = textOf(settings[doubleSetting]);
  const canDouble = double !== null && isDoubled(rung);
  if (rung.kind === "workers-ai") {
    const ai = settings.AI as AiBinding | undefined;
    if (ai) return { endpoint: null, ai };
    return canDouble ? { endpoint: null, ai: doubleOf(double) } : null;
  }
  const url = rung.url as string;
  if (rung.key === undefined) return { endpoint: { url, key: null }, ai: null };
  const key = keyFor(url, textOf(settings[rung.key]));
  if (key !== null) return { endpoint: { url, key }, ai: null };
  return canDouble ? { endpoint: { url: double, key: null }, ai: null } : null;
}

/** Tells whether the local decision server can stand in for a rung: it needs a key, or a binding. */
export function isDoubled({ kind, key }: ExternalRung): boolean {
  return doubled.includes(kind) && (kind === "workers-ai" || key !== undefined);
}

/** Tells whether a model's ladder has a rung above the region that this Worker can ask. */
export function hasRungAbove(policy: Pick<Policy, "ladder" | "above">, settings: Settings): boolean {
  return aboveOf(policy).some((rung) =>
    rung === "origin" ? textOf(settings.NEXT_RUNG_URL) !== null : reachOf(rung, settings) !== null,
  );
}

function keyFor(url: string, secret: string | null): string | null {
  if (secret === null) return null;
  const [first = "", bound] = secret.trim().split(/\s+/);
  if (bound === undefined) return first;
  return URL.parse(first)?.origin === URL.parse(url)?.origin ? bound : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Stands in for the binding of Workers AI, which no local runtime has. */
function doubleOf(url: string): AiBinding {
  return {
    async run(_, body, { signal = AbortSignal.timeout(10_000) } = {}) {
      return fieldsOf(await postJson({ url, key: null }, "/v1/systemone", body, signal));
    },
  };
}
