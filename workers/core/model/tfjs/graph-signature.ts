import * as z from "zod";
import type { ModelJson } from "./model-json.ts";

const side = z.record(z.string(), z.object({ name: z.string() })).default({});
const signatureSchema = z.object({ inputs: side, outputs: side });

/** The names that a graph's signature gives to its inputs and outputs, with the tensors that they stand for. */
export type GraphSignature = z.infer<typeof signatureSchema>;

/** Reads a graph's signature; null if it has none. */
export function readSignature({
  signature,
  userDefinedMetadata,
}: Pick<ModelJson, "signature" | "userDefinedMetadata">): GraphSignature | null {
  const read = signatureSchema.safeParse(signature ?? userDefinedMetadata?.signature);
  return read.success ? read.data : null;
}

/** Lists the tensors that a graph's signature names as outputs. */
export function outputTensors(file: Pick<ModelJson, "signature" | "userDefinedMetadata">): string[] {
  return Object.values(readSignature(file)?.outputs ?? {}).map(({ name }) => graphTensor(name));
}

/** Writes a graph's tensor as manifests do: the first output of a node by the node's name alone. */
export function graphTensor(name: string): string {
  return name.replace(/:0$/, "");
}
