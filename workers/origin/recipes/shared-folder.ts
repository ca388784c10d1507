import { join } from "node:path";

/** Returns the folder of data that is not part of the project: UPRIVER_SHARED, or `shared` beside the project. */
export function sharedFolder(): string {
  return process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../../shared");
}
