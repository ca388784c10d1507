import { FaultError } from "./fault.ts";
import { indexIn } from "./issues.ts";

/** Throws the fault for the first id that a batch has twice: which of the two questions it means is not known. */
export function refuseRepeated(ids: readonly string[], path = "id"): void {
  const seen = new Set<string>();
  for (const [i, id] of ids.entries()) {
    if (seen.has(id)) {
      const expected = "an id that the batch has only once";
      const received = `'${id.slice(0, 200)}' again`;
      throw new FaultError({ kind: "invalid", errors: [{ index: indexIn(ids, i), path, expected, received }] });
    }
    seen.add(id);
  }
}
