import * as z from "zod";
import type { TfjsModelFiles } from "./files.ts";
import { nodeName } from "./graph-nodes.ts";

const side = z.record(z.string(), z.object({ name: z.string() })).default({});
const signatureSchema = z.object({ inputs: side, outputs: side });

/** Returns the names that a graph's signature gives to its inputs or outputs, by node name; empty without a signature. */
export function signatureOf({ modelJson }: TfjsModelFiles, which: "inputs" | "outputs"): Map<string, string> {
  const read = signatureSchema.safeParse(modelJson.signature ?? modelJson.userDefinedMetadata?.signature);
  if (!read.success) return new Map();
  return new Map(Object.entries(read.data[which]).map(([key, { name }]) => [nodeName(name), nodeName(key)]));
}
