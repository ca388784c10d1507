import type { Command } from "commander";
import { clientFor } from "../local/context.ts";
import { print, table } from "../local/output.ts";

/** `upriver status`: what is served, and what each region has learned. */
export function statusVerb(program: Command): void {
  program
    .command("status")
    .description("the models, who is served by which version, and the regions")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  npx upriver status --json")
    .action(async (options: { json?: boolean }, command: Command) => {
      const client = await clientFor(command, "admin");
      const summaries = await client.models();
      const models = await Promise.all(
        summaries.map(async (model) => {
          const regions = model.stable === null ? [] : await client.regions(model.model);
          return { ...model, regions };
        }),
      );
      print(options.json, { models }, () => models.map(describe).join("\n\n") || "No model is published yet.");
    });
}

type Model = Awaited<ReturnType<Awaited<ReturnType<typeof clientFor>>["models"]>>[number] & {
  regions: Awaited<ReturnType<Awaited<ReturnType<typeof clientFor>>["regions"]>>;
};

function describe({ model, stable, canary, regions }: Model): string {
  const head = `${model}: stable ${stable ?? "none"}${canary ? `, canary ${canary.version} (${canary.share})` : ""}`;
  if (regions.length === 0) return `${head}\n  no region has been asked anything yet`;
  const rows = regions.map(({ region, base, head: own, questions, samples, archived, breaker, drift, ...state }) => {
    const { certificate, lastRun } = state;
    const labels = samples.train + samples.tune + samples.certify + archived;
    return [
      ...[region, own === null ? `${base}` : `${base}+${own}`, questions.total, questions.open, labels, breaker],
      ...[certificate && `${certificate.status}: ${certificate.reason}`, drift?.alarm ? "drifts" : "steady"],
      ...[lastRun?.status ?? null, lastRun?.reason ?? null],
    ];
  });
  const columns = ["region", "head", "kept", "open", "labels", "circuit", "certificate", "input", "last run", "why"];
  return `${head}\n${table([columns, ...rows])}`;
}
