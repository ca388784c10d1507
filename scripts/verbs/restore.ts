import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import type { Restored } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";

/** `upriver restore`: rebuilds a registry that lost its state. */
export function restoreVerb(program: Command): void {
  program
    .command("restore")
    .description(
      "rebuild a model's registry from its copy in R2, with heads and history; without a model, every lost one",
    )
    .argument("[model]", "the name of a published model")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver restore storefront")
    .action(async (model: string | undefined, { json }: { json?: boolean }, command: Command) => {
      const client = await clientFor(command, "admin");
      const models = model === undefined ? await lostModels(client) : [model];
      const restored: Restored[] = [];
      for (const one of models) restored.push(await client.restore(one));
      printResult(json, { restored }, () => describe(restored));
    });
}

/** Lists the models that have a version in R2 and none in their registry. */
async function lostModels(client: UpriverClient): Promise<string[]> {
  return (await client.models()).filter(({ versions }) => versions.length === 0).map(({ model }) => model);
}

function describe(restored: readonly Restored[]): string {
  if (restored.length === 0) return "Every registry has its state: nothing to restore.";
  const lines = restored.map(({ model, pointer, versions, heads, regions, copiedAt }) => {
    const what = `${versions} versions, ${heads} heads, ${regions} regions`;
    return `${model}: ${what}, from the copy of ${new Date(copiedAt).toISOString()}. Version ${pointer.stable} serves.`;
  });
  return lines.join("\n");
}
