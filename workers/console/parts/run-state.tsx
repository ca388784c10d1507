import type { RegionRun } from "#client/index.ts";
import { Badge } from "./states.tsx";

/** The outcome of a retrain and its reason. */
export function RunState({ run }: { run: RegionRun }) {
  return (
    <>
      <RunBadge run={run} /> <small class="reason">{run.reason}</small>
    </>
  );
}

/** The outcome of a retrain. */
export function RunBadge({ run: { status } }: { run: RegionRun }) {
  const kinds = {
    promoted: "good",
    refused: "plain",
    skipped: "plain",
    running: "warn",
    held: "warn",
    failed: "bad",
  } as const;
  return <Badge kind={kinds[status]}>{status}</Badge>;
}
