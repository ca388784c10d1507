import type { CanaryState, ModelSummary } from "#client/index.ts";
import { Badge } from "#console/parts/states.tsx";
import { count, moment, percent } from "#core/format.ts";

/** Where a canary stands, or how the last one ended. */
export function Canary({ summary: { canary }, watch }: { summary: ModelSummary; watch: CanaryState | null }) {
  if (!watch)
    return (
      <p class="notice">
        Version {canary?.version} answers {percent(canary?.share)} of callers, unwatched.
      </p>
    );
  const { version, outcome, reason, verdict, deadlineAt, regions, share } = watch;
  const labelled = regions
    .flatMap(({ versions }) => versions)
    .reduce((sum, { labelled: { accepted } }) => sum + accepted, 0);
  return (
    <section class="notice" aria-label="Canary">
      <p>
        {outcome ? (
          <>
            Canary {version} was{" "}
            <Badge kind={outcome === "promoted" ? "good" : outcome === "ended" ? "plain" : "bad"}>{outcome}</Badge>:{" "}
            {reason}
          </>
        ) : (
          <>
            <Badge kind="warn">Canary {version}</Badge> answers {percent(share)} of callers, watched until{" "}
            {moment(deadlineAt)}: {verdict?.reason ?? "no look yet"}
          </>
        )}
      </p>
      {!outcome && (
        <p class="muted">
          {count(labelled)} audited answers of {regions.length} regions judge it.
          {verdict &&
            ` Errs oftener by ${verdict.error.mean === null ? "–" : percent(verdict.error.mean)}, between ${percent(verdict.error.lower)} and ${percent(verdict.error.upper)}.`}
        </p>
      )}
    </section>
  );
}
