import type { Command } from "commander";
import type { RolloutTarget } from "#client/index.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";

interface Options {
  share?: string;
  watch?: boolean;
  margin?: string;
  deadline?: string;
  json?: boolean;
}

/** `upriver rollout`: moves the pointer to a version. */
export function rolloutVerb(program: Command): void {
  program
    .command("rollout")
    .description("serve a published version, to all or as a canary")
    .argument("<model>")
    .argument("<version>")
    .option("--share <share>", "to this share of the callers alone (0 to 1)")
    .option("--watch", "promote or roll back the canary by itself, by what its answers turn out to be")
    .option("--margin <share>", "watched: how much more often it may err than the stable version (0 to 1)")
    .option("--deadline <hours>", "watched: when an undecided canary is rolled back")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver rollout storefront 2 --share 0.1 --watch")
    .action(run);
}

async function run(model: string, version: string, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const target = targetOf(Number(version), options);
  const pointer = await client.rollout(model, target);
  printResult(options.json, { model, pointer }, () => {
    const { stable, canary } = pointer;
    if (!canary) return `${model}: stable ${stable}`;
    const watched = target.watch ? ", watched: 'npx upriver status' shows where it stands" : "";
    return `${model}: stable ${stable}, canary ${canary.version} for ${canary.share} of the callers${watched}`;
  });
}

function targetOf(version: number, { share, watch, margin, deadline }: Options): RolloutTarget {
  const bounds = {
    ...(margin === undefined ? {} : { margin: Number(margin) }),
    ...(deadline === undefined ? {} : { deadlineHours: Number(deadline) }),
  };
  const isBounded = Object.keys(bounds).length > 0;
  return {
    version,
    ...(share === undefined ? {} : { share: Number(share) }),
    ...(isBounded || watch ? { watch: isBounded ? bounds : true } : {}),
  };
}
