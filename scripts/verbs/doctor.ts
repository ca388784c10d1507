import type { Command } from "commander";
import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import type { Finding } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";

/** How far this machine's clock may be from the edge's. */
const clockMaxMs = 30_000;

/** `upriver doctor`: what is wrong with a deployment, and how to mend it. */
export function doctorVerb(program: Command): void {
  program
    .command("doctor")
    .description(
      "check a deployment: bindings, keys, tokens, the rung above, versions, blobs, pointers, regions, clocks",
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver doctor --url https://upriver.example.workers.dev --token $ADMIN_TOKEN",
    )
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      const findings = await examine(await clientFor(command, "admin"));
      const faults = findings.filter(({ isSound }) => !isSound);
      printResult(json, { findings, faults: faults.length }, () => report(findings));
      if (faults.length > 0) process.exitCode = 1;
    });
}

/** Looks at a deployment from here, and by its own eyes. */
export async function examine(client: UpriverClient): Promise<Finding[]> {
  const asked = Date.now();
  try {
    const { at, findings } = await client.checks();
    return [
      { check: "edge", isSound: true, found: "it answers, and takes this token", remedy: null },
      clock(at, asked),
      ...findings,
    ];
  } catch (error) {
    return [edgeFault(error)];
  }
}

// The edge's clock lies between asking and hearing, if both are right.
function clock(at: number, asked: number): Finding {
  const off = at < asked ? asked - at : Math.max(0, at - Date.now());
  const check = "clock";
  if (off <= clockMaxMs) return { check, isSound: true, found: "this machine's and the edge's agree", remedy: null };
  const remedy = "Set this machine's clock (NTP): data times and deadlines that it sends are off by as much.";
  return { check, isSound: false, found: `they are ${Math.round(off / 1_000)} s apart`, remedy };
}

function edgeFault(error: unknown): Finding {
  const check = "edge";
  if (error instanceof UnreachableError) {
    const remedy = "Start it with npm start, deploy it with npx wrangler deploy, or name it with --url.";
    return { check, isSound: false, found: error.message, remedy };
  }
  if (!(error instanceof ProblemError)) throw error;
  const { status, problem } = error;
  const mends: Record<number, string> = {
    401: "Give a token of this deployment with --token, or add this one's SHA-256 to UPRIVER_TOKENS.",
    403: "Give a token with the scope admin.",
    404: "Deploy this version: the edge there has no /v1/checks.",
    500: "Look into the edge's log (npx wrangler tail): most often a secret is missing or can't be read.",
  };
  return { check, isSound: false, found: `status ${status}: ${problem.detail}`, remedy: mends[status] ?? problem.next };
}

function report(findings: readonly Finding[]): string {
  const lines = findings.map(({ check, isSound, found, remedy }) => {
    return `${isSound ? "ok   " : "FAULT"} ${check}: ${found}${remedy === null ? "" : `\n      → ${remedy}`}`;
  });
  const faults = findings.filter(({ isSound }) => !isSound).length;
  return [...lines, faults === 0 ? "All is well." : `${faults} to mend.`].join("\n");
}
