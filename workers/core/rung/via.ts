/** The nodes that a request has passed, where its protocol has no field for them. */
export const viaHeader = "x-upriver-via";

const nameMaxChars = 64;

/** Writes the nodes that a hop has passed, for a protocol without a field for them. */
export function writeVia(via: readonly string[]): string {
  return via.map(encodeURIComponent).join(",");
}

/** Reads the nodes that a request has passed from its header; none without one. A name that no node has stays as it is. */
export function readVia(headers: Headers): string[] {
  const names = headers.get(viaHeader)?.split(",") ?? [];
  return names.map((name) => decoded(name.trim()).slice(0, nameMaxChars));
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
