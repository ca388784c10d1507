import type { Regions } from "../contract/index.ts";
import { sha256Hex } from "../hash.ts";
import { mintId, parseId } from "../ids.ts";
import { isListed } from "../region.ts";

/** Characters of the hash in an id: 128 bits. */
const hashChars = 32;

/** Returns the region that a question of a node has above: its own where the model lists it, else the parent. */
export function regionAbove(regions: Regions, region: string): string {
  return isListed(regions, region) ? region : regions.parent;
}

/**
 * Returns the id that a question of a node has above: always the same one, and never one of another node or of a caller there.
 * Ids are chosen at each rung, and the region in an id must be the question's.
 */
export async function idAbove(regions: Regions, nodeId: string, id: string): Promise<string> {
  const address = parseId(id);
  if (!address.ok) throw new Error(`A question's id must have the form ${address.error}.`);
  const { model, region } = address.value;
  const hash = (await sha256Hex(`${nodeId}|${id}`)).slice(0, hashChars);
  return mintId({ model, region: regionAbove(regions, region) }, `${nodeId}.${hash}`);
}
