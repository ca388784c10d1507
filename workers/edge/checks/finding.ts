import type { Finding } from "#core/contract/index.ts";

/** Makes the finding of a check that passed. */
export function sound(check: string, found: string): Finding {
  return { check, isSound: true, found, remedy: null };
}

/** Makes the finding of a check that failed, with its remedy. */
export function faulty(check: string, found: string, remedy: string): Finding {
  return { check, isSound: false, found, remedy };
}

/** Runs a check. An error is a failed check. */
export async function looked(check: string, remedy: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return sound(check, await look());
  } catch (error) {
    return faulty(check, error instanceof Error ? error.message : String(error), remedy);
  }
}
