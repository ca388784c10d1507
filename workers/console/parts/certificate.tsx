import type { RegionState } from "#client/index.ts";
import { count, percent } from "#core/format.ts";
import { Badge } from "./states.tsx";

/** Where a region's certificate stands. */
export function Certificate({ certificate }: Pick<RegionState, "certificate">) {
  if (!certificate) return <span class="muted">nothing asked yet</span>;
  const { status, bound, targetRisk, labelsNeeded } = certificate;
  switch (status) {
    case "valid":
      return <Badge kind="good">held: at most {percent(bound)}</Badge>;
    case "void":
      return <Badge kind="bad">void: above {percent(targetRisk)}</Badge>;
    case "pending":
      return (
        <Badge kind="warn">{labelsNeeded === null ? "none at this error" : `${count(labelsNeeded)} more labels`}</Badge>
      );
  }
}
