import type { Command } from "commander";
import {
  type LadderRung,
  type ModelLadder,
  type ModelSummary,
  type OriginState,
  ProblemError,
  type RegionState,
  type RegionStates,
  UnreachableError,
  type UpriverClient,
} from "#client/index.ts";
import type { CanaryState, Ladder } from "#core/contract/index.ts";
import { savedUsd } from "#core/cost/index.ts";
import { count, dollars, duration, escalationText, moment, nodeStateOf, percent, spendingText } from "#core/format.ts";
import { clientFor } from "../local/context.ts";
import { describeFailure } from "../local/failure.ts";
import { describeTraining } from "../local/follow.ts";
import { formatTable, printResult, terminalColumns, wrap } from "../local/output.ts";
import { numberParser } from "../local/usage.ts";

const everyMs = 2_000;
const [cursorHome, clearRest, hideCursor, showCursor] = ["\x1b[H", "\x1b[J", "\x1b[?25l", "\x1b[?25h"];

/** `upriver status`: shows rungs, models and regions; refreshes on a terminal. */
export function statusVerb(program: Command): void {
  program
    .command("status")
    .description("show the rungs, models and regions; refreshes on a terminal")
    .option("--after <region>", "show the regions after this one: a page has 100, by name")
    .option(
      "--limit <n>",
      "show this many regions of each model",
      numberParser("--limit", { atLeast: 1, isWhole: true }),
    )
    .option("--once", "print once instead of refreshing")
    .option("--plan <recipe>", "say on which rungs the recipe's model fits, and why")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExamples:\n  npx upriver status --json\n  npx upriver status --plan weather")
    .action(async ({ after, limit, plan, ...options }: Options, command: Command) => {
      if (plan !== undefined) return showPlan(plan, options.json, command);
      const client = await clientFor(command, "admin");
      const isLive = process.stdout.isTTY && !options.once && !options.json;
      const page = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
      if (isLive) return watch(client, page);
      const status = await statusOf(client, page);
      printResult(options.json, status, () => describe(status));
    });
}

interface Options extends Page {
  once?: boolean;
  json?: boolean | undefined;
  plan?: string;
}

/** Which regions of each model are shown. */
interface Page {
  after?: string;
  limit?: number;
}

async function showPlan(recipe: string, json: boolean | undefined, command: Command): Promise<void> {
  // Loaded only here, since loading TensorFlow.js takes a second.
  const [{ gatherFacts }, { considerRungs }, { describePlanned }] = await Promise.all([
    import("../plan/gather.ts"),
    import("../plan/rules.ts"),
    import("../plan/describe.ts"),
  ]);
  const facts = await gatherFacts(recipe, command);
  const rungs = considerRungs(facts);
  const { thins: _, ...known } = facts;
  printResult(json, { ...known, rungs }, () => describePlanned(facts, rungs));
}

interface Status {
  ladder: Ladder;
  origin: OriginState | string;
  models: Model[];
}

async function statusOf(client: UpriverClient, page: Page): Promise<Status> {
  const [ladder, summaries, origin] = await Promise.all([
    client.ladder(),
    client.models(),
    client.origin().catch(expected),
  ]);
  const models = await Promise.all(
    summaries.map(async (model) => {
      const regions = model.stable === null ? null : await client.regionPage(model.model, page);
      return { ...model, watch: await client.canary(model.model), ...(regions ?? { regions: [], next: null }) };
    }),
  );
  return { ladder, origin, models };
}

/** Draws the status every two seconds until Ctrl-C, as much of it as fits the terminal. */
async function watch(client: UpriverClient, page: Page): Promise<never> {
  process.stdout.write(`${hideCursor}\x1b[2J`);
  process.once("exit", () => process.stdout.write(showCursor));
  process.once("SIGINT", () => process.exit(0));
  for (;;) {
    const text = await statusOf(client, page).then(describe, describeFailure);
    const lines = text.split("\n").map((line) => line.slice(0, process.stdout.columns));
    const shown = lines.slice(0, process.stdout.rows - 2);
    const rest = lines.length > shown.length ? `  … ${lines.length - shown.length} more lines; --once prints all` : "";
    const drawn = [...shown, rest, `${new Date().toLocaleTimeString()}, Ctrl-C ends`];
    process.stdout.write(`${cursorHome}${drawn.map((line) => `${line}\x1b[K`).join("\n")}${clearRest}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

function describe({ ladder, origin, models }: Status): string {
  const parts = models.map((model) => {
    return describeModel(
      model,
      ladder.models.find((one) => one.model === model.model),
    );
  });
  if (models.length === 0) parts.push("No model is published yet. Next: npx upriver publish <recipe>");
  return [describeOrigin(origin), ...describePassed(ladder), ...describeNodes(ladder), ...parts].join("\n\n");
}

type Model = ModelSummary & { watch: CanaryState | null } & Pick<RegionStates, "regions" | "next"> &
  Partial<RegionStates>;

function describeModel(
  { model, stable, canary, watch, regions, next, sums }: Model,
  ladder: ModelLadder | undefined,
): string {
  const served = `${model}: stable ${stable ?? "none"}${canary ? `, canary ${canary.version} for ${percent(canary.share)} of callers` : ""}`;
  const watched = watch ? `${served}\n  ${describeWatch(watch)}` : served;
  const head = ladder
    ? `${watched}${describeUnlisted(ladder)}${describeGroup(ladder)}${describeSpending(ladder)}${describeCost(ladder)}\n${describeRungs(ladder)}\n`
    : watched;
  if (regions.length === 0) return `${head}\n  no region has received a question yet`;
  const columns = [
    "region",
    "head",
    "kept",
    "open",
    "labels",
    "circuit",
    "certificate",
    "escalation",
    "drift",
    "last run",
  ];
  const table = formatTable([columns, ...regions.map(regionRow)]).split("\n");
  const [titles, ...rows] = table.map((row, i) => [
    row,
    ...(i === 0 ? [] : regionReasons(regions[i - 1] as RegionState)),
  ]);
  const lines = [...(titles ?? []), ...rows.flat()].join("\n");
  return `${head}${describeSaved(sums, ladder)}\n${lines}${describeNext(next, regions.length, sums)}`;
}

function regionRow(state: RegionState): (string | number | null)[] {
  const { region, base, head, questions, samples, archived, breaker, drift, certificate, escalation, lastRun } = state;
  const labels = samples.train + samples.validation + samples.calibration + archived;
  return [
    ...[region, head === null ? `${base}` : `${base}+${head}`, questions.total, questions.open, labels, breaker],
    ...[certificate?.status ?? null, escalation?.status ?? null, drift ? (drift.alarm ? "drift" : "none") : null],
    lastRun?.status ?? null,
  ];
}

/** Says why a region's certificate, escalation and last run are as they are, in lines that fit a terminal. */
function regionReasons({ certificate, escalation, lastRun }: RegionState): string[] {
  const reasons = [
    certificate && `certificate: ${certificate.reason}${expectedText(certificate)}`,
    escalation && `escalation: ${escalationText(escalation)}`,
    lastRun?.reason && `last run: ${lastRun.reason}`,
  ];
  return reasons.flatMap((reason) => (reason ? wrap(reason, terminalColumns()) : []));
}

function expectedText({ status, expected }: NonNullable<RegionState["certificate"]>): string {
  return status === "pending" && expected ? `, expected ${expected}` : "";
}

function describeNext(next: string | null, shown: number, sums: RegionStates["sums"] | undefined): string {
  if (!next) return "";
  return `\n  ${shown} of ${count(sums?.regions ?? shown)} regions; the next ones: npx upriver status --after '${next}'`;
}

function describeSaved(sums: RegionStates["sums"] | undefined, ladder: ModelLadder | undefined): string {
  const unasked = sums?.unasked ?? 0;
  if (unasked === 0 || !ladder) return "";
  const costOf = (name: "region" | "origin") => ladder.rungs.find(({ rung }) => rung === name)?.usdPerMillion ?? null;
  const saved = savedUsd(unasked, { region: costOf("region"), origin: costOf("origin") });
  return `\n  ${count(unasked)} questions were not escalated, since that does not pay: saves ${dollars(saved)}, without the origin's host\n`;
}

function describeGroup({ group }: ModelLadder): string {
  if (!group) return "";
  return `\n  all regions together: ${group.status}, ${group.reason}${expectedText(group)}; it promises nothing for one region`;
}

function describeSpending({ spending }: ModelLadder): string {
  return spending ? `\n  ${spendingText(spending)}` : "";
}

function describeCost({ usdPerMillion }: ModelLadder): string {
  if (usdPerMillion === null) return "";
  return `\n  ${dollars(usdPerMillion)} for a million questions as they came: Cloudflare's list price, without the origin's host`;
}

function describeUnlisted({ unlisted }: ModelLadder): string {
  if (unlisted === 0) return "";
  return `\n  ${count(unlisted)} questions named a region that is not listed: the parent answered`;
}

function describeRungs({ rungs }: ModelLadder): string {
  const row = ({ rung, asked, answered, passed, share, accuracy, p50Ms, p99Ms, usdPerMillion }: LadderRung) => [
    ...[`  ${rung}`, count(asked), count(answered), count(passed), percent(share), percent(accuracy)],
    ...[duration(p50Ms), duration(p99Ms), dollars(usdPerMillion)],
  ];
  const columns = ["  rung", "asked", "answered", "escalated", "share", "accuracy", "p50", "p99", "cost / million"];
  return formatTable([columns, ...rungs.toReversed().map(row)]);
}

// Without an origin, or while it is down, the rest of the status is still shown.
function expected(error: unknown): string {
  if (error instanceof ProblemError || error instanceof UnreachableError) return describeFailure(error);
  throw error;
}

function describePassed({ passed }: Ladder): string[] {
  if (!passed) return [];
  const { month, usd, usdPerMonth, asked, leftOut } = passed;
  const refused = leftOut > 0 ? `, ${count(leftOut)} refused` : "";
  return [`passed on in ${month}: ${count(asked)} requests for ${dollars(usd)} of ${dollars(usdPerMonth)}${refused}`];
}

function describeNodes({ nodes = [], at }: Ladder): string[] {
  if (nodes.length === 0) return [];
  const rows = nodes.map((node) => [
    ...[node.id, nodeStateOf(node, at), node.last && moment(node.last.at), node.last?.version ?? null],
    ...[node.last && count(node.last.backlog), node.last?.share ?? node.share],
  ]);
  return [formatTable([["node", "state", "last heard of", "version", "backlog", "shares"], ...rows])];
}

function describeOrigin(origin: OriginState | string): string {
  if (typeof origin === "string") return `origin: ${origin}`;
  const { backend, trainings } = origin;
  const trains = backend
    ? `trains on ${backend.name}${backend.adapter ? ` (${backend.adapter}${backend.isSoftware ? "; no GPU" : ""})` : ""}`
    : "answers only; it does not train";
  return [`origin: ${trains}`, ...trainings.map((training) => `  ${describeTraining(training)}`)].join("\n");
}

function describeWatch({ version, outcome, reason, verdict, deadlineAt }: CanaryState): string {
  if (outcome) return `canary ${version}, ${outcome}: ${reason}`;
  const until = new Date(deadlineAt).toISOString().slice(0, 16);
  return `canary ${version} is watched until ${until}Z: ${verdict?.reason ?? "not evaluated yet"}`;
}
