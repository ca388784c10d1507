import type { ComponentChildren } from "preact";
import { ProblemError } from "#client/index.ts";
import type { Polled } from "../polled.ts";

/** What went wrong, and what to do next. */
export function Problem({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const problem = error instanceof ProblemError ? error.problem : null;
  return (
    <div class="notice bad" role="alert">
      <p>
        <strong>{problem?.title ?? "No answer"}</strong>: {problem?.detail ?? error.message}
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

/** There is nothing yet, and what would make something. */
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

/** What is loaded, once it is; what came last stays in sight, paler, while the next load fails. */
export function Loaded<T>({ of, children }: { of: Polled<T>; children: (value: T) => ComponentChildren }) {
  const { value, error, reload } = of;
  return (
    <>
      {error && <Problem error={error} onRetry={reload} />}
      {value === null ? (
        !error && <p class="loading">Loading …</p>
      ) : (
        <div class={error ? "stale" : undefined}>{children(value)}</div>
      )}
    </>
  );
}

/** A word for a state, told apart by more than its colour. */
export function Badge({ kind, children }: { kind: "good" | "warn" | "bad" | "plain"; children: ComponentChildren }) {
  const sign = { good: "✓", warn: "○", bad: "✕", plain: "" }[kind];
  return (
    <span class={`badge ${kind}`}>
      {sign && <span aria-hidden="true">{sign} </span>}
      {children}
    </span>
  );
}
