import type { Command } from "commander";
import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import type { Finding } from "#core/contract/index.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { startCommand } from "../local/process.ts";

/** Greatest difference between this machine's clock and the edge's. */
const clockMaxMs = 30_000;

/** `upriver doctor`: finds what is wrong with a deployment and says how to fix it. */
export function doctorVerb(program: Command): void {
  program
    .command("doctor")
    .description("check a deployment: bindings, keys, tokens, next rung, versions, blobs, pointers, regions, clocks")
    .option("--json", "print one JSON object instead of text")
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

/** Checks a deployment from this machine and by its own checks. */
export async function examine(client: UpriverClient): Promise<Finding[]> {
  const asked = Date.now();
  try {
    const { at, findings } = await client.checks();
    return [
      { check: "edge", isSound: true, found: "answers and accepts this token", remedy: null },
      clock(at, asked),
      ...findings,
    ];
  } catch (error) {
    return [edgeFault(error)];
  }
}

// If both clocks are right, the edge's time lies between request and response.
function clock(at: number, asked: number): Finding {
  const off = at < asked ? asked - at : Math.max(0, at - Date.now());
  const check = "clock";
  if (off <= clockMaxMs) return { check, isSound: true, found: "this machine and the edge agree", remedy: null };
  const remedy = "Synchronise this machine's clock (NTP): the times and deadlines that it sends are wrong by as much.";
  return { check, isSound: false, found: `this machine and the edge are ${Math.round(off / 1_000)} s apart`, remedy };
}

function edgeFault(error: unknown): Finding {
  const check = "edge";
  if (error instanceof UnreachableError) {
    const remedy = `Start it ('${startCommand}'), deploy it ('npx upriver deploy') or give its address with --url.`;
    return { check, isSound: false, found: error.message, remedy };
  }
  if (!(error instanceof ProblemError)) throw error;
  const { status, problem } = error;
  const remedies: Record<number, string> = {
    401: "Give a token of this deployment with --token, or add the SHA-256 of this one to UPRIVER_TOKENS.",
    403: "Give a token with the scope admin.",
    404: "Deploy this version of Upriver: the edge there has no /v1/checks.",
    500: "Read the edge's log ('npx wrangler tail'): most often a secret is missing or malformed.",
  };
  return {
    check,
    isSound: false,
    found: `status ${status}: ${problem.detail}`,
    remedy: remedies[status] ?? problem.next,
  };
}

/** Describes findings, one a line, each fault with its remedy. */
export function report(findings: readonly Finding[]): string {
  const lines = findings.map(({ check, isSound, found, remedy }) => {
    return `${isSound ? "ok   " : "FAULT"} ${check}: ${found}${remedy === null ? "" : `\n      → ${remedy}`}`;
  });
  const faults = findings.filter(({ isSound }) => !isSound).length;
  return [...lines, faults === 0 ? "No faults found." : `${faults} ${faults === 1 ? "fault" : "faults"} found.`].join(
    "\n",
  );
}
