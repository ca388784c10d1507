import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { UpriverClient } from "../../workers/client/index.ts";
import type { ModelPointer } from "../../workers/core/contract/index.ts";
import { publish } from "../../workers/origin/publish.ts";
import { loadArtefact } from "../../workers/origin/train/store.ts";
import { artefactFolder, clientFor, signingKey } from "../local/context.ts";
import { print } from "../local/output.ts";

const pollMs = 250;

interface Options {
  share?: string;
  rollout: boolean;
  json?: boolean;
}

/** `upriver publish`: a trained model becomes the next version. */
export function publishVerb(program: Command): void {
  program
    .command("publish")
    .description("publish a trained model as the next version, and roll it out")
    .argument("<recipe>", "a recipe that was trained, or the folder that 'train --out' wrote")
    .option("--share <share>", "as a canary, to this share of the callers (0 to 1)")
    .option("--no-rollout", "publish only: nobody is served by it yet")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver publish storefront --share 0.1")
    .action(run);
}

async function run(recipe: string, { share, rollout, json }: Options, command: Command): Promise<void> {
  const artefact = await loadArtefact(existsSync(recipe) ? recipe : artefactFolder(recipe));
  const client = await clientFor(command, "publish");
  const { model, version } = await publish(client, artefact, await signingKey());
  const target = share === undefined ? { version } : { version, share: Number(share) };
  const pointer = rollout ? await client.rollout(model, target) : null;
  const servedAfterMs = pointer && (await untilServed(client, pointer));
  print(json, { model, version, pointer, servedAfterMs }, () => {
    if (!pointer) return `Published ${model} version ${version}. Next: npx upriver rollout ${model} ${version}`;
    const { canary } = pointer;
    const whom = canary ? `a canary for ${canary.share} of the callers` : "served to all";
    return `Published ${model} version ${version}, ${whom}; this edge serves it after ${servedAfterMs} ms.`;
  });
}

/** How long it takes until this edge serves by a pointer, ms. */
async function untilServed(client: UpriverClient, { model, revision }: ModelPointer): Promise<number> {
  const startedAt = Date.now();
  while ((await client.model(model)).pointer.revision < revision) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return Date.now() - startedAt;
}
