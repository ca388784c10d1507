import type { Finding } from "#core/contract/index.ts";

/** A part that is as it should be. */
export function sound(check: string, found: string): Finding {
  return { check, isSound: true, found, remedy: null };
}

/** A part that is not, and how to mend it. */
export function faulty(check: string, found: string, remedy: string): Finding {
  return { check, isSound: false, found, remedy };
}

/** Looks at a part; what throws is a fault of it. */
export async function looked(check: string, remedy: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return sound(check, await look());
  } catch (error) {
    return faulty(check, error instanceof Error ? error.message : String(error), remedy);
  }
}
