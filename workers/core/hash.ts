/** Computes the SHA-256 of bytes or text, in lower-case hex. */
export async function sha256Hex(data: BufferSource | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return toHex(await crypto.subtle.digest("SHA-256", bytes));
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Encodes bytes as lower-case hex. */
export function toHex(data: ArrayBuffer | Uint8Array): string {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  let hex = "";
  for (let i = 0; i < bytes.length; i++) hex += hexOfByte[bytes[i] as number];
  return hex;
}

/** Compares two strings in a time that depends only on their length. */
export function equalConstantTime(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

/** Maps `text` to a number in [0, 1) by HMAC-SHA-256: the same secret and text give the same number. */
export async function hmacUnit(secret: string, text: string): Promise<number> {
  const mac = new DataView(await hmac(secret, text));
  // The first 52 bits, which float64 represents exactly.
  return (mac.getUint32(0) * 2 ** 20 + (mac.getUint32(4) >>> 12)) / 2 ** 52;
}

/** Computes the HMAC-SHA-256 of a text, in lower-case hex. */
export async function hmacHex(secret: string, text: string): Promise<string> {
  return toHex(await hmac(secret, text));
}

async function hmac(secret: string, text: string): Promise<ArrayBuffer> {
  return crypto.subtle.sign("HMAC", await hmacKey(secret), new TextEncoder().encode(text));
}

const keys = new Map<string, CryptoKey>();

async function hmacKey(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret);
  if (known) return known;
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  keys.set(secret, key);
  return key;
}
