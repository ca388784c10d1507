import type { ComponentChildren } from "preact";
import { ProblemError } from "#client/index.ts";
import type { Polled } from "../polled.ts";

/** An error with the next step. */
export function ProblemNotice({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const problem = error instanceof ProblemError ? error.problem : null;
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{problem?.title ?? "Failed"}</strong>: {problem?.detail ?? error.message}
      </p>
      {problem?.next && <p>{problem.next}</p>}
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** An empty state with a hint. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  );
}

/** Shows a polled value once it is loaded; the last value stays visible, dimmed, while loads fail. */
export function Loaded<T>({ of, children }: { of: Polled<T>; children: (value: T) => ComponentChildren }) {
  const { value, error, reload } = of;
  return (
    <>
      {error && <ProblemNotice error={error} onRetry={reload} />}
      {value === null ? (
        !error && <p class="loading">Loading …</p>
      ) : (
        <div class={error ? "stale" : undefined}>{children(value)}</div>
      )}
    </>
  );
}

/** A coloured word for a state, with a sign for those who do not see the colour. */
export function Badge({ kind, children }: { kind: "good" | "warn" | "bad" | "plain"; children: ComponentChildren }) {
  const sign = { good: "✓", warn: "○", bad: "✕", plain: "" }[kind];
  return (
    <span class={`badge ${kind}`}>
      {sign && <span aria-hidden="true">{sign} </span>}
      {children}
    </span>
  );
}
