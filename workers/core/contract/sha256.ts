import * as z from "zod";

/** A SHA-256 in lower-case hex: the address of a blob. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hex digits");
