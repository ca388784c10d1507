import { hmacHex } from "../hash.ts";

/**
 * The stamps of the nodes that a request has passed. A node recognises its own, which nobody else can make: a loop ends at
 * the first node that it returns to, for every caller, and whatever `via` says. A forged stamp of another node changes nothing.
 */
export const stampsHeader = "x-upriver-stamps";

const form = /^[0-9a-f]{24}$/;

/** Makes the stamp of a node. */
export async function stampOf(secret: string, nodeId: string): Promise<string> {
  return (await hmacHex(secret, `stamp|${nodeId}`)).slice(0, 24);
}

/** Reads the stamps of a request from its header; what is no stamp is left out. */
export function readStamps(headers: Headers): string[] {
  const given = headers.get(stampsHeader)?.split(",") ?? [];
  return given.map((stamp) => stamp.trim()).filter((stamp) => form.test(stamp));
}

/** Returns the header that carries the stamps of a hop; none without any. */
export function stampHeaders({ stamps = [] }: { stamps?: readonly string[] }): Record<string, string> {
  return stamps.length === 0 ? {} : { [stampsHeader]: stamps.join(",") };
}
