import { RungUnavailableError } from "../rung.ts";
import { isAllowance, noAnswer, requestText } from "./transport.ts";

/** The binding of Workers AI, as much of it as a decision needs. */
export interface AiBinding {
  run(model: string, body: unknown, options?: { signal?: AbortSignal }): Promise<unknown>;
}

const dayMs = 24 * 3600_000;
const outOfCapacity = "3040";
/** Validation, an unknown model, bad data, too large: another question may be fine. */
const rejections = new Set(["5012", "5006", "5004", "3003", "3006", "5021"]);

/** Runs a model of Workers AI. Throws `RungUnavailableError` with the kind that the code of its error means. */
export async function runAi(ai: AiBinding, model: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  requestText(body);
  try {
    // The binding may not end with its signal.
    return await Promise.race([ai.run(model, body, { signal }), ended(signal)]);
  } catch (cause) {
    if (cause instanceof RungUnavailableError) throw cause;
    if (signal.aborted) throw noAnswer("failed", "it did not answer in time", { cause });
    const code = /(?:^|\s)(\d{4}):/.exec(cause instanceof Error ? cause.message : "")?.[1] ?? null;
    const reason = code === null ? "Workers AI reports an error" : `Workers AI reports ${code}`;
    // The free allowance returns at midnight, UTC.
    if (isAllowance(code)) throw noAnswer("allowance", reason, { cause, retryAfterMs: dayMs - (Date.now() % dayMs) });
    if (code === outOfCapacity) throw noAnswer("rate-limited", reason, { cause });
    throw noAnswer(code !== null && rejections.has(code) ? "rejected" : "failed", reason, { cause });
  }
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(noAnswer("failed", "it did not answer in time")), { once: true });
  });
}
