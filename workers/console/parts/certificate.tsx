import type { RegionState } from "#client/index.ts";
import { count, percent } from "#core/format.ts";
import { Badge } from "./states.tsx";

/** The state of a region's certificate. */
export function CertificateBadge({ certificate }: Pick<RegionState, "certificate">) {
  if (!certificate) return <span class="muted">no question yet</span>;
  const { status, bound, targetRisk, labelsNeeded } = certificate;
  switch (status) {
    case "valid":
      return <Badge kind="good">valid: at most {percent(bound)}</Badge>;
    case "void":
      return <Badge kind="bad">void: above {percent(targetRisk)}</Badge>;
    case "pending":
      return (
        <Badge kind="warn">
          pending:{" "}
          {labelsNeeded === null ? "error above target" : `${count(labelsNeeded)} more labels of accepted questions`}
        </Badge>
      );
  }
}
