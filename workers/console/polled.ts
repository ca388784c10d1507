import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** A value that is loaded repeatedly. */
export interface Polled<T> {
  /** The last value that was loaded; it stays when a later load fails. */
  value: T | null;
  error: Error | null;
  reload: () => void;
}

/**
 * Loads a value now and every `everyMs` while the page is visible; with null, only on `reload`. Results of an earlier
 * load or of another `key` are dropped.
 */
export function usePolled<T>(key: string, load: () => Promise<T>, everyMs: number | null): Polled<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: Error | null }>({
    ...{ key, value: null, error: null },
  });
  const turn = useRef(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(async () => {
    turn.current++;
    const mine = turn.current;
    const result = await latest.current().then(
      (value) => ({ value, error: null }),
      (error: Error) => ({ value: null, error }),
    );
    if (mine !== turn.current) return;
    setState((before) => ({
      key,
      value: result.value ?? (before.key === key ? before.value : null),
      error: result.error,
    }));
  }, [key]);
  useEffect(() => {
    void reload();
    if (everyMs === null) return;
    const timer = setInterval(() => document.hidden || reload(), everyMs);
    const onVisible = () => document.hidden || reload();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      turn.current++;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [key, everyMs, reload]);
  const isCurrent = state.key === key;
  return { value: isCurrent ? state.value : null, error: isCurrent ? state.error : null, reload };
}
