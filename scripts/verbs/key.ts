import type { Command } from "commander";
import { generateKeys } from "#core/sign.ts";
import { printResult } from "../local/output.ts";

/** `upriver key`: makes a key pair for signatures. */
export function keyVerb(program: Command): void {
  program
    .command("key")
    .description("make a key pair that signs manifests (SIGNING_KEY) or regional heads (DEPLOYMENT_KEY)")
    .requiredOption("--id <id>", "id under which the public key is pinned; use each id once")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver key --id 2026-12")
    .action(async ({ id, json }: { id: string; json?: boolean }) => {
      const { signing, publicKeys } = await generateKeys(id);
      printResult(json, { signing, publicKeys }, () => {
        const secret = `Private key, shown only once (for SIGNING_KEY or DEPLOYMENT_KEY):\n${JSON.stringify(signing)}`;
        return `${secret}\nPublic key (add it to PUBLISH_KEYS or DEPLOYMENT_PUBLIC_KEYS):\n${JSON.stringify(publicKeys)}`;
      });
    });
}
