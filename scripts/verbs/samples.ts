import type { Command } from "commander";
import type { UpriverClient } from "#client/index.ts";
import { bodyMaxBytes, type Truths } from "#core/contract/index.ts";
import type { LabelledSample } from "#origin/learn/mix.ts";
import { SampleStore } from "#origin/learn/sample-store.ts";
import { clientFor } from "../local/context.ts";
import { printResult, showProgress } from "../local/output.ts";

interface Options {
  out: string;
  teach?: string;
  region?: string;
  json?: boolean;
}

const batchMaxRows = 256;

/** `upriver samples`: saves the regions' labelled samples to a file, or teaches them from one. */
export function samplesVerb(program: Command): void {
  program
    .command("samples")
    .description("fetch the labelled samples of all regions, or teach them to regions that lost theirs")
    .argument("<model>", "the name of a served model")
    .option("--out <folder>", "folder of samples.ndjson; samples in it are not fetched again", "samples")
    .option("--teach <folder>", "teach the samples in this folder, which the origin or this command wrote")
    .option("--region <region>", "with --teach: only samples of this region")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExamples:\n  npx upriver samples storefront --out backup" +
        "\n  npx upriver samples storefront --teach backup --region lagoon",
    )
    .action(run);
}

async function run(model: string, { out, teach, region, json }: Options, command: Command): Promise<void> {
  if (teach !== undefined) {
    const known = await new SampleStore(teach).read();
    const own = known.filter((sample) => region === undefined || sample.region === region);
    const taught = await teachAgain(await clientFor(command, "admin"), model, own);
    const { accepted, changed, left } = taught;
    return printResult(json, { model, ...taught }, () => {
      const without =
        left > 0
          ? ` ${left} left out: no input kept, or labelled by the origin only or by tokens that are not trusted.`
          : "";
      return `${model}: ${accepted} samples taught, ${changed} new.${without}`;
    });
  }
  const { added, known } = await new SampleStore(out).pull(await clientFor(command, "publish"), model);
  printResult(
    json,
    { model, folder: out, added, known },
    () => `${out}/samples.ndjson: ${known} samples, ${added} new.`,
  );
}

/** Teaches samples under their ids and times, so that the same deployment assigns them to the same splits. */
async function teachAgain(client: UpriverClient, model: string, known: readonly LabelledSample[]) {
  const samples = known.filter(isTeachable);
  const progress = showProgress("teaching", samples.length);
  const total = { accepted: 0, changed: 0, left: known.length - samples.length };
  for (const truths of batches(samples)) {
    const { accepted, changed } = await client.teachMany(model, { truths });
    total.accepted += accepted;
    total.changed += changed;
    progress.update(total.accepted);
  }
  progress.end();
  return total;
}

// Labels of the origin are not truths, and this token would lend its trust to those of others.
function isTeachable({ instance, source, trusted }: LabelledSample): boolean {
  return instance !== null && source !== "origin" && trusted !== false;
}

function* batches(samples: readonly LabelledSample[]): Generator<Truths["truths"]> {
  let batch: Truths["truths"] = [];
  let bytes = 0;
  for (const { id, region, instance, label, at, owner, labelledBy } of samples) {
    const by = { ...(owner ? { owner } : {}), ...(labelledBy ? { labelledBy } : {}) };
    const question = { instance: instance as NonNullable<typeof instance>, region, at };
    const truth = { id, label, question, ...by };
    const size = JSON.stringify(truth).length;
    if (batch.length === batchMaxRows || (batch.length > 0 && bytes + size > bodyMaxBytes / 2)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(truth);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
