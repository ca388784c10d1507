import { useRef, useState } from "preact/hooks";
import type { Answer, AskOptions, Instance, Picture, UpriverClient } from "#client/index.ts";

/** A question that was asked, with what is known of its answer. */
interface AskState {
  answer: Answer | null;
  error: Error | null;
  isAsking: boolean;
  /** Time from asking to the latest answer, measured in the browser. */
  tookMs: number | null;
  ask: (what: Instance | Picture, options: AskOptions) => Promise<void>;
}

/** Asks one question at a time and follows it until it is answered. */
export function useAsking(client: UpriverClient, model: string): AskState {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isAsking, setAsking] = useState(false);
  const [tookMs, setTook] = useState<number | null>(null);
  const before = useRef<AbortController | null>(null);
  const ask = async (what: Instance | Picture, options: AskOptions) => {
    before.current?.abort();
    const own = new AbortController();
    before.current = own;
    const startedAt = performance.now();
    const show = (next: Answer) => {
      if (own.signal.aborted) return;
      setAnswer(next);
      setTook(performance.now() - startedAt);
    };
    setAsking(true);
    setError(null);
    setAnswer(null);
    setTook(null);
    try {
      const first = await client.ask(model, what, { ...options, signal: own.signal });
      show(first);
      if (first.status === "open") {
        for await (const next of client.stream(first, { signal: own.signal }))
          show({ ...next, ...(first.trace ? { trace: first.trace } : {}) });
      }
    } catch (failure) {
      if (!own.signal.aborted) setError(failure as Error);
    } finally {
      if (before.current === own) setAsking(false);
    }
  };
  return { answer, error, isAsking, tookMs, ask };
}
