import type { CanaryState } from "#client/index.ts";
import { count, percent } from "#core/format.ts";
import { labelsNeeded } from "./labels-needed.ts";

const [width, height] = [420, 64];

/** How far a canary is from its verdict: the bounds of its error's difference, against zero and the margin. */
export function CanaryMeter({ watch }: { watch: CanaryState }) {
  const { verdict, plan } = watch;
  if (!verdict) return null;
  const { mean, lower, upper } = verdict.error;
  const reach = Math.max(plan.margin * 2, Math.min(1, Math.max(-lower, upper)));
  const x = (value: number) => 10 + ((Math.max(-reach, Math.min(reach, value)) + reach) / (2 * reach)) * (width - 20);
  const needed = labelsNeeded(watch);
  const text = `The difference is between ${percent(lower)} and ${percent(upper)}. The canary is promoted once the upper bound is below ${percent(plan.margin)}, and rolled back once the lower bound is above 0`;
  return (
    <figure class="chart meter">
      <figcaption>Error of the canary minus that of the stable version</figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={text}>
        <rect class="good" x={x(-reach)} y="18" width={x(plan.margin) - x(-reach)} height="14" rx="3" />
        <rect class="bad" x={x(plan.margin)} y="18" width={x(reach) - x(plan.margin)} height="14" rx="3" />
        <line class="bounds" x1={x(lower)} x2={x(upper)} y1="25" y2="25" />
        {mean !== null && <circle cx={x(mean)} cy="25" r="5" />}
        <line class="zero" x1={x(0)} x2={x(0)} y1="12" y2="38" />
        <text x={x(-reach)} y="54">
          {percent(-reach)}
        </text>
        <text x={x(0)} y="54" text-anchor="middle">
          0
        </text>
        <text x={x(reach)} y="54" text-anchor="end">
          {percent(reach)}
        </text>
      </svg>
      <p class="muted">
        {text}.{" "}
        {needed === null
          ? "There are too few labels to say how many more are needed."
          : `About ${count(needed)} more labels are needed, if the difference stays as it is.`}
      </p>
    </figure>
  );
}
