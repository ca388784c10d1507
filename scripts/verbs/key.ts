import type { Command } from "commander";
import { generateKeys } from "#core/sign.ts";
import { printResult } from "../local/output.ts";

/** `upriver key`: a new pair of keys to sign with. */
export function keyVerb(program: Command): void {
  program
    .command("key")
    .description("make a pair of keys that signs manifests (SIGNING_KEY) or regions' heads (DEPLOYMENT_KEY)")
    .requiredOption("--id <id>", "the key's id, under which its public half is pinned; never use one twice")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver key --id 2026-12")
    .action(async ({ id, json }: { id: string; json?: boolean }) => {
      const { signing, publicKeys } = await generateKeys(id);
      printResult(json, { signing, publicKeys }, () => {
        const secret = `The private key, shown this once (SIGNING_KEY or DEPLOYMENT_KEY):\n${JSON.stringify(signing)}`;
        return `${secret}\nIts public half (into PUBLISH_KEYS or DEPLOYMENT_PUBLIC_KEYS):\n${JSON.stringify(publicKeys)}`;
      });
    });
}
