import { graphTensor, readSignature } from "#core/model/tfjs/graph-signature.ts";
import type { TfjsModelFiles } from "./files.ts";

/** Returns the names that a graph's signature gives to its inputs or outputs, by tensor; empty without a signature. */
export function signatureOf({ modelJson }: TfjsModelFiles, which: "inputs" | "outputs"): Map<string, string> {
  const named = Object.entries(readSignature(modelJson)?.[which] ?? {});
  return new Map(named.map(([key, { name }]) => [graphTensor(name), graphTensor(key)]));
}
