import * as z from "zod";
import { fromBase64, toBase64 } from "./bytes.ts";
import { canonicalJson } from "./canonical.ts";
import { own } from "./own.ts";

const algorithm = { name: "Ed25519" };

/** A private key with its id, as PKCS #8 in base64. */
export const signingKeySchema = z.strictObject({ keyId: z.string().min(1), pkcs8: z.string().min(1) });
export type SigningKey = z.infer<typeof signingKeySchema>;

/** Pinned public keys by key id, raw in base64. Two are valid while a key is rotated. */
export const publicKeysSchema = z.record(z.string(), z.string());
export type PublicKeys = z.infer<typeof publicKeysSchema>;

type Signed = { signature?: { keyId: string; ed25519: string } | undefined };

/** Generates an Ed25519 key pair. */
export async function generateKeys(keyId: string): Promise<{ signing: SigningKey; publicKeys: PublicKeys }> {
  const pair = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const pkcs8 = toBase64(new Uint8Array((await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer));
  const raw = toBase64(new Uint8Array((await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer));
  return { signing: { keyId, pkcs8 }, publicKeys: { [keyId]: raw } };
}

/** Signs a document with Ed25519 over its canonical form (RFC 8785) without the signature. */
export async function sign<T extends Signed>(document: T, key: SigningKey): Promise<T & Required<Signed>> {
  const privateKey = await crypto.subtle.importKey("pkcs8", fromBase64(key.pkcs8), algorithm, false, ["sign"]);
  const ed25519 = toBase64(new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, signedBytes(document))));
  return { ...document, signature: { keyId: key.keyId, ed25519 } };
}

/** Verifies a document's signature. Returns null if it is valid, otherwise the reason why it is not. */
export async function signatureFault(document: Signed, pinned: PublicKeys): Promise<string | null> {
  if (!document.signature) return "it has no signature";
  const { keyId, ed25519 } = document.signature;
  const raw = own(pinned, keyId);
  if (!raw) return `key '${keyId}' is not pinned; pinned: ${Object.keys(pinned).join(", ") || "none"}`;
  try {
    const publicKey = await crypto.subtle.importKey("raw", fromBase64(raw), algorithm, false, ["verify"]);
    const isValid = await crypto.subtle.verify(algorithm, publicKey, fromBase64(ed25519), signedBytes(document));
    return isValid ? null : `the document does not match its signature by key '${keyId}'`;
  } catch (cause) {
    return `the key or signature of '${keyId}' cannot be decoded: ${String(cause)}`;
  }
}

function signedBytes({ signature: _, ...document }: Signed): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(canonicalJson(document)) as Uint8Array<ArrayBuffer>;
}
