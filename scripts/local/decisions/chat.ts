import type { DoubleOption } from "./classifier.ts";

/** As much of a chat completion's request as a classifier needs. */
interface ChatRequest {
  messages?: { role?: string; content?: unknown }[];
  logprobs?: boolean;
  top_logprobs?: number;
  response_format?: {
    json_schema?: { schema?: { properties?: Record<string, { enum?: unknown[] }> } };
  };
}

/** A pick among codes, as a chat completion asks for it. */
interface Pick {
  property: string;
  codes: string[];
  options: DoubleOption[];
  text: string;
}

/** Reads what a chat completion is to pick from: the enum of its schema, and what the system message says of each value. */
export function readPick({ messages = [], response_format: format }: ChatRequest): Pick | null {
  const [property, values] = Object.entries(format?.json_schema?.schema?.properties ?? {})[0] ?? [];
  const codes = values?.enum?.filter((value) => typeof value === "string") ?? [];
  if (property === undefined || codes.length < 2) return null;
  const contentsOf = (role: string) =>
    messages.flatMap((message) => (message.role === role ? [textOf(message.content)] : [])).join("\n");
  const system = contentsOf("system");
  const options = codes.map((code) => optionOf(code, system, codes));
  return { property, codes, options, text: contentsOf("user") };
}

/** Writes a chat completion that picks the most probable code, with the log-probabilities of all where they are wanted. */
export function writePick({ property, codes }: Pick, probabilities: readonly number[], request: ChatRequest) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const ranked = codes
    .map((token, i) => ({ token, bytes: null, logprob: Math.max(-9999, Math.log(probabilities[i] as number)) }))
    .sort((a, b) => b.logprob - a.logprob);
  const [top] = ranked;
  const isOneToken = codes.every((code) => code.length === 1);
  const logprobs =
    request.logprobs && isOneToken
      ? { content: [{ ...top, top_logprobs: ranked.slice(0, request.top_logprobs ?? 0) }] }
      : null;
  const message = { role: "assistant", content: JSON.stringify({ [property]: codes[best] }), refusal: null };
  return { index: 0, finish_reason: "stop", message, logprobs };
}

// "A: damage - broken goods", on a line of its own or before the next code.
function optionOf(code: string, system: string, codes: readonly string[]): DoubleOption {
  const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const next = codes.map(escaped).join("|");
  const found = new RegExp(`(?:^|[\\s.])${escaped(code)}: ([^\\n]*?)(?=\\.? (?:${next}): |\\.?\\n|\\.?$)`).exec(
    system,
  )?.[1];
  if (found === undefined) return { value: code, description: null };
  const [value = code, ...rest] = found.split(" - ");
  return { value, description: rest.length > 0 ? rest.join(" - ") : null };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return Array.isArray(content)
    ? content.map((part) => String((part as { text?: unknown })?.text ?? "")).join("\n")
    : "";
}
