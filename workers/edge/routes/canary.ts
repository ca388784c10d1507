import { canaryReplySchema } from "#core/contract/index.ts";
import { mayUseRegion } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { modelPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";
import { json } from "../contract.ts";

/**
 * Reads the state of the watched canary, or of the last one; null if there was none. `regions` lists those that the token may
 * use; the verdict is about all regions.
 */
async function getCanary(call: Call): Promise<Response> {
  const model = modelOf(call);
  await modelPointer(call, model);
  const canary = await registryObject(call.env, model).canary();
  const isOwn = ({ region }: { region: string }) => call.token !== null && mayUseRegion(call.token, region);
  return jsonResponse({ canary: canary && { ...canary, regions: canary.regions.filter(isOwn) } });
}

export const canaryRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/canary",
    scope: "ask",
    operation: "read a canary",
    contract: { replies: { 200: json(canaryReplySchema) } },
    handle: getCanary,
  },
];
