import type { ZodType } from "zod";
import { bodyMaxBytes } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { parseJson, readBytes } from "#core/http/problem.ts";

/** Reads a JSON body by a schema. Clients of these protocols compress large ones: the limit is that of the whole text. */
export async function readDecisionBody<T>(request: Request, schema: ZodType<T>): Promise<T> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity") return parseJson(await readBytes(request, bodyMaxBytes), schema);
  if (encoding !== "gzip") {
    const next = "Send the body as it is, or compress it with gzip.";
    throw new FaultError({ kind: "unsupported", expected: "content-encoding gzip", received: encoding, next });
  }
  const packed = await readBytes(request, bodyMaxBytes);
  const text = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  // Without a known length it is counted as it unfolds.
  const unpacked = new Request(request.url, { method: "POST", body: text });
  try {
    return parseJson(await readBytes(unpacked, bodyMaxBytes), schema);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    throw new FaultError({ kind: "malformed", expected: "a gzip body", received: "one that can't be read" });
  }
}
