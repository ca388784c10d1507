import { bodyMaxBytes, restoredSchema, restoreSchema } from "#core/contract/index.ts";
import { readJson } from "#core/http/problem.ts";
import { registryObject } from "#objects/stubs.ts";
import { isPublished, learnPointer } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, type Route, unknownModel } from "../call.ts";
import { json } from "../contract.ts";
import { refused } from "./refused.ts";

/** Rebuilds a model's registry from its copy in R2. */
async function postRestore(call: Call): Promise<Response> {
  const model = modelOf(call);
  await readJson(call.request, restoreSchema, bodyMaxBytes);
  if (!(await isPublished(call, model))) throw unknownModel(model);
  const restored = await registryObject(call.env, model).restore();
  if (!restored.ok) throw refused(restored.error);
  learnPointer(call, restored.value.pointer);
  return jsonResponse({ model, ...restored.value });
}

export const restoreRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/models/:model/restore",
    scope: "admin",
    reach: "all-regions",
    audit: "always",
    operation: "restore a registry",
    contract: { body: json(restoreSchema), replies: { 200: json(restoredSchema) } },
    handle: postRestore,
  },
];
