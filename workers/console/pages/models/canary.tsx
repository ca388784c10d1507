import type { CanaryState, ModelSummary } from "#client/index.ts";
import { Badge } from "#console/parts/states.tsx";
import { count, moment, percent } from "#core/format.ts";
import { CanaryMeter } from "./canary-meter.tsx";

/** The state of the canary, or the outcome of the last one. */
export function CanaryNotice({ summary: { canary }, watch }: { summary: ModelSummary; watch: CanaryState | null }) {
  if (!watch)
    return (
      <p class="notice">
        Version {canary?.version} serves {percent(canary?.share)} of callers as an unwatched canary.
      </p>
    );
  const { version, outcome, reason, verdict, deadlineAt, regions, share } = watch;
  const waiting = regions.reduce((sum, region) => sum + region.waiting, 0);
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
            <Badge kind="warn">Canary {version}</Badge> serves {percent(share)} of callers, watched until{" "}
            {moment(deadlineAt)}.
          </>
        )}
      </p>
      {!outcome && <CanaryMeter watch={watch} />}
      {!outcome && (
        <p class="muted">
          So far: {verdict?.reason ?? "no labelled question that both versions answered"}.
          {waiting > 0 && ` ${count(waiting)} more questions wait for the second answer.`}
        </p>
      )}
    </section>
  );
}
