import { FaultError } from "./fault.ts";

type Format = "gzip" | "deflate";

/** The content encodings of bodies that are read, by the name of their decoder; other names are refused. */
const decoders: ReadonlyMap<string, Format> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/** What a refusal names as `Accept-Encoding`. */
const acceptedEncodings = "gzip, deflate";

/**
 * Reads a body, decoded by its `Content-Encoding`. Throws as soon as the body, or what it decodes to, is larger than
 * `maxBytes`; and for an encoding that is unknown (415) or does not decode (400).
 */
export async function readBytes(request: Request, maxBytes: number): Promise<ArrayBuffer> {
  const format = formatOf(request.headers.get("content-encoding"));
  const announced = request.headers.get("content-length");
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (format !== null) return decoded(await bounded(request.body, maxBytes), format, maxBytes);
  // A body of a known length can't be longer; one without is counted as it comes.
  return announced === null ? bounded(request.body, maxBytes) : request.arrayBuffer();
}

function formatOf(encoding: string | null): Format | null {
  const name = encoding?.trim().toLowerCase() ?? "";
  if (name === "" || name === "identity") return null;
  const format = decoders.get(name);
  if (format) return format;
  throw new FaultError({
    kind: "unsupported",
    expected: `content-encoding ${acceptedEncodings}, or none`,
    received: `'${name.slice(0, 100)}'`,
    next: "Send the body as it is, or compress it once with gzip.",
    encodings: acceptedEncodings,
  });
}

async function decoded(packed: ArrayBuffer, format: Format, maxBytes: number): Promise<ArrayBuffer> {
  try {
    const stream = new Response(packed).body?.pipeThrough(new DecompressionStream(format));
    return await bounded(stream ?? null, maxBytes);
  } catch (cause) {
    if (cause instanceof FaultError) throw cause;
    const received = "bytes that do not decode";
    throw new FaultError({ kind: "malformed", expected: `a body compressed with ${format}`, received }, { cause });
  }
}

/** Reads a stream to its end. Throws as soon as it is larger than `maxBytes`. */
export async function bounded(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const reader = body?.getReader();
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    bytes += part.value.byteLength;
    if (bytes > maxBytes) {
      // Not awaited: a stream that decodes may wait for a reader before it ends.
      reader?.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    parts.push(part.value);
  }
  return new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer();
}

function tooLarge(maxBytes: number): FaultError {
  return new FaultError({ kind: "too-large", maxBytes });
}

/** Reads the media type of a request's body, in lower case and without parameters; empty without one. */
export function contentType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}
