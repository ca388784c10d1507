import { type HeadPointer, type Serving, servingSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { isListed, mayOpen } from "#core/region.ts";
import { classifierOf } from "../artefacts/models.ts";
import { headPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, type Route, requireRegion } from "../call.ts";
import { json } from "../contract.ts";
import { baseFor, servedPointer } from "../ladder/version.ts";

/** Reads what serves a region. One that the model would open is served by its parent; reading opens none. */
async function getServing(call: Call): Promise<Response> {
  const model = modelOf(call);
  const region = call.params.region as string;
  requireRegion(call, region);
  const pointer = await servedPointer(call, model);
  const stable = await classifierOf(call, model, pointer.stable as number);
  const { regions } = stable.policy;
  const isOwn = isListed(regions, region);
  if (!isOwn && !mayOpen(regions, region)) {
    const next = "GET /v1/models/{model} lists the regions in policy.regions.";
    throw new FaultError({ kind: "not-found", what: `region '${region}' in model '${model}'`, next });
  }
  const version = baseFor(pointer, region);
  const { thin } = version === stable.version ? stable : await classifierOf(call, model, version);
  const headIn = async (name: string): Promise<HeadPointer> => {
    const { revision, head, rule } = await headPointer(call, model, version, name);
    return { revision, head, rule };
  };
  const { publishKeys, deploymentKeys } = call.node;
  const serving: Serving = {
    ...{ model, region, version, revision: pointer.revision, backbone: thin.backbone.sha256 },
    own: await headIn(region),
    parent: isOwn ? null : { region: regions.parent, pointer: await headIn(regions.parent) },
    group: pointer.group?.base === version ? pointer.group.certificate : null,
    ...{ publishKeys, deploymentKeys },
  };
  return jsonResponse(serving, 200, { "cache-control": "private, no-cache" });
}

export const servingRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/regions/:region/serving",
    scope: "ask",
    operation: "read what serves a region",
    contract: { replies: { 200: json(servingSchema) } },
    handle: getServing,
  },
];
