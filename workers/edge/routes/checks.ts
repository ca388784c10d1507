import { type Checks, checksSchema, type Finding, type Manifest } from "#core/contract/index.ts";
import { isUnlimited, mayUseModel } from "#core/tokens.ts";
import { modelNames } from "../artefacts/models.ts";
import { type Call, jsonResponse, type Route } from "../call.ts";
import { faulty } from "../checks/finding.ts";
import { checkJurisdiction } from "../checks/jurisdiction.ts";
import { checkModel } from "../checks/model.ts";
import { checkExternalRungs, checkNextRung } from "../checks/next-rung.ts";
import { checkSettings } from "../checks/settings.ts";
import { json } from "../contract.ts";

/**
 * Checks the whole deployment, and says how to fix each fault. A token that is limited gets the checks of its models and
 * regions, and of the next rung.
 */
async function getChecks(call: Call): Promise<Response> {
  const { token } = call;
  const findings: Finding[] = token && isUnlimited(token) ? await checkSettings(call) : [];
  const manifests: Manifest[] = [];
  const names = await modelNames(call.env).catch(() => []);
  if (token && isUnlimited(token)) findings.push(await checkJurisdiction(call, names));
  for (const model of names.filter((name) => token && mayUseModel(token, name))) {
    const checked = await checkModel(call, model).catch((error: unknown) => {
      const remedy =
        "Check the log of the registry's object. If it has none, deploy with the Durable Object migrations of wrangler.toml.";
      return { findings: [faulty(`${model}: registry`, String(error), remedy)], manifests: [] };
    });
    findings.push(...checked.findings);
    manifests.push(...checked.manifests);
  }
  findings.push(await checkNextRung(call, manifests), ...checkExternalRungs(call, manifests));
  return jsonResponse({ node: call.node.id, at: Date.now(), findings } satisfies Checks);
}

export const checksRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/checks",
    scope: "admin",
    operation: "check the deployment",
    contract: { replies: { 200: json(checksSchema) } },
    handle: getChecks,
  },
];
