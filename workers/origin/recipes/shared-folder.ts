import { join } from "node:path";

/** Where data that is no part of the project lies: the folder that UPRIVER_SHARED names, or the one beside the project. */
export function sharedFolder(): string {
  return process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../../shared");
}
