import type { Command } from "commander";
import {
  type ModelSummary,
  type OriginState,
  ProblemError,
  type RegionState,
  UnreachableError,
} from "../../workers/client/index.ts";
import type { CanaryState } from "../../workers/core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { describeJob } from "../local/follow.ts";
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
          return { ...model, watch: await client.canary(model.model), regions };
        }),
      );
      const origin = await client.origin().catch(expected);
      print(options.json, { origin, models }, () => {
        const parts = [...models.map(describe), ...(models.length === 0 ? ["No model is published yet."] : [])];
        return [...parts, describeOrigin(origin)].join("\n\n");
      });
    });
}

type Model = ModelSummary & { watch: CanaryState | null; regions: RegionState[] };

function describe({ model, stable, canary, watch, regions }: Model): string {
  const served = `${model}: stable ${stable ?? "none"}${canary ? `, canary ${canary.version} (${canary.share})` : ""}`;
  const head = watch ? `${served}\n  ${describeWatch(watch)}` : served;
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

// A ladder without an origin, or with one that is away, has a status, too.
function expected(error: unknown): string {
  if (error instanceof ProblemError || error instanceof UnreachableError) return error.message;
  throw error;
}

function describeOrigin(origin: OriginState | string): string {
  if (typeof origin === "string") return `origin: ${origin}`;
  const { backend, jobs } = origin;
  const trains = backend
    ? `trains on ${backend.name}${backend.adapter ? ` (${backend.adapter}${backend.isSoftware ? "; no GPU" : ""})` : ""}`
    : "only answers";
  return [`origin: ${trains}`, ...jobs.map((job) => `  ${describeJob(job)}`)].join("\n");
}

function describeWatch({ version, outcome, reason, verdict, deadlineAt }: CanaryState): string {
  if (outcome) return `canary ${version}, ${outcome}: ${reason}`;
  const until = new Date(deadlineAt).toISOString().slice(0, 16);
  return `canary ${version} is watched until ${until}Z: ${verdict?.reason ?? "no look yet"}`;
}
