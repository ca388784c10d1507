import type { RegionState } from "#client/index.ts";
import { count, percent } from "#core/format.ts";
import { Badge } from "./states.tsx";

const kinds = { valid: "good", pending: "warn", void: "bad" } as const;

type Props = Pick<RegionState, "certificate"> & {
  /** Whether the figures stand elsewhere. */
  isShort?: boolean;
};

/** The state of a region's certificate. */
export function CertificateBadge({ certificate, isShort = false }: Props) {
  if (!certificate) return <span class="muted">{isShort ? "No certificate yet." : "none yet"}</span>;
  const { status, bound, targetRisk, labelsNeeded } = certificate;
  if (isShort) return <Badge kind={kinds[status]}>{status}</Badge>;
  switch (status) {
    case "valid":
      return (
        <>
          <Badge kind="good">valid</Badge> <small>at most {percent(bound)} wrong</small>
        </>
      );
    case "void":
      return (
        <>
          <Badge kind="bad">void</Badge> <small>above {percent(targetRisk)} wrong</small>
        </>
      );
    case "pending":
      return (
        <>
          <Badge kind="warn">pending</Badge>{" "}
          <small>
            {labelsNeeded === null ? "error above target" : `${count(labelsNeeded)} more labels of accepted questions`}
          </small>
        </>
      );
  }
}
