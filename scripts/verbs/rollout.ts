import type { Command } from "commander";
import type { RolloutTarget } from "#client/index.ts";
import { percent } from "#core/format.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";

interface Options {
  share?: number;
  watch?: boolean;
  margin?: number;
  deadline?: number;
  json?: boolean;
}

/** `upriver rollout`: moves the pointer to a version. */
export function rolloutVerb(program: Command): void {
  program
    .command("rollout")
    .description("serve a published version to all callers, or to a share of them as a canary")
    .argument("<model>", "the name of a model")
    .argument("<version>", "the version to serve", numberParser("<version>", { atLeast: 1, isWhole: true }))
    .option(
      "--share <share>",
      "serve it as a canary to this share of callers",
      numberParser("--share", { above: 0, below: 1 }),
    )
    .option(
      "--watch",
      "promote the canary or roll it back automatically, judged on labelled questions that both versions answer",
    )
    .option(
      "--margin <share>",
      "watched: how much more often the canary may be wrong than the stable version",
      numberParser("--margin", { above: 0, below: 1 }),
    )
    .option(
      "--deadline <hours>",
      "watched: when an undecided canary is rolled back",
      numberParser("--deadline", { above: 0 }),
    )
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver rollout storefront 2 --share 0.1 --watch")
    .action(run);
}

async function run(model: string, version: number, options: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "publish");
  const target = targetOf(version, options);
  const pointer = await client.rollout(model, target);
  printResult(options.json, { model, pointer }, () => {
    const { stable, canary } = pointer;
    if (!canary) return `${model}: version ${stable} serves all callers`;
    const watched = target.watch ? "\nThe canary is watched; 'npx upriver status' shows its progress." : "";
    return `${model}: version ${stable} is stable, canary ${canary.version} serves ${percent(canary.share)} of callers${watched}`;
  });
}

function targetOf(version: number, { share, watch, margin, deadline }: Options): RolloutTarget {
  const bounds = {
    ...(margin === undefined ? {} : { margin }),
    ...(deadline === undefined ? {} : { deadlineHours: deadline }),
  };
  const isBounded = Object.keys(bounds).length > 0;
  return {
    version,
    ...(share === undefined ? {} : { share }),
    ...(isBounded || watch ? { watch: isBounded ? bounds : true } : {}),
  };
}
