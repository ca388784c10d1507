import { hmacSha256, sha256 } from "./sha256.ts";

const encoder = new TextEncoder();
/** From this length on WebCrypto is faster. */
const longBytes = 4096;

/** Computes the SHA-256 of a short text, such as a token, in lower-case hex, at once. */
export function sha256HexSync(text: string): string {
  return toHex(sha256(encoder.encode(text)).buffer);
}

/** Computes the SHA-256 of bytes or text, in lower-case hex. */
export async function sha256Hex(data: BufferSource | string): Promise<string> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  if (bytes instanceof Uint8Array && bytes.length < longBytes) return toHex(sha256(bytes).buffer);
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
export function hmacUnit(secret: string, text: string): number {
  const mac = new DataView(hmac(secret, text));
  // The first 52 bits, which float64 represents exactly.
  return (mac.getUint32(0) * 2 ** 20 + (mac.getUint32(4) >>> 12)) / 2 ** 52;
}

/** Computes the HMAC-SHA-256 of a text, in lower-case hex. */
export async function hmacHex(secret: string, text: string): Promise<string> {
  return toHex(hmac(secret, text));
}

function hmac(secret: string, text: string): ArrayBuffer {
  if (secret === "") throw new TypeError("The secret of an HMAC is empty. Give the setting it comes from a value.");
  const keyed = keys.get(secret) ?? hmacSha256(encoder.encode(secret));
  keys.set(secret, keyed);
  return keyed(encoder.encode(text)).buffer;
}

const keys = new Map<string, ReturnType<typeof hmacSha256>>();
