import type { Command } from "commander";
import type { AuditEntry } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { dayParser, numberParser } from "../local/usage.ts";

interface Options {
  from?: string;
  after: number;
  json?: boolean;
}

/** `upriver audit`: prints the deployment's audit log. */
export function auditVerb(program: Command): void {
  program
    .command("audit")
    .description("print the administrative acts on a deployment, oldest first, with the number of each")
    .option("--from <day>", "start at this day (UTC)", dayParser("--from"))
    .option("--after <number>", "continue after this entry", numberParser("--after", { atLeast: 0, isWhole: true }), 0)
    .option("--json", "print one JSON object a line instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver audit --from 2026-11-01 --json >> audit.ndjson")
    .action(run);
}

async function run({ from, after, json }: Options, command: Command): Promise<void> {
  const client = await clientFor(command, "admin");
  const since = from === undefined ? {} : { from: Date.parse(`${from}T00:00:00Z`) };
  for (let page = { cursor: after, more: true }; page.more; ) {
    const { entries, ...rest } = await client.audit({ after: page.cursor, ...since });
    for (const entry of entries) console.log(json ? JSON.stringify(entry) : lineOf(entry));
    page = rest;
  }
}

function lineOf({ number, at, token, act, model, region, target, status }: AuditEntry): string {
  const about = [model, region, target].filter((part) => part !== null).join(" / ");
  const outcome = status < 400 ? "done" : `${status < 500 ? "refused" : "failed"} (${status})`;
  return `${number}  ${new Date(at).toISOString()}  ${token}  ${act}  ${about || "–"}  ${outcome}`;
}
