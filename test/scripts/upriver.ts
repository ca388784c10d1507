import { spawn } from "node:child_process";
import { join } from "node:path";
import { CommanderError } from "commander";
import { describeFailure } from "#scripts/local/failure.ts";
import { bin, root } from "#scripts/local/process.ts";
import { UsageError } from "#scripts/local/usage.ts";
import { createProgram } from "#scripts/program.ts";

export interface CommandResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

interface CommandOptions {
  env?: NodeJS.ProcessEnv;
  /** What is typed into the command. */
  input?: string;
}

/** Runs `npx upriver` with arguments. */
export function upriver(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runScript(join(root, "scripts/upriver.mjs"), args, options);
}

/** Runs a script with Node to its end. */
export async function runScript(
  script: string,
  args: readonly string[],
  { env = process.env, input = "" }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(bin("node"), [script, ...args], { env });
  const result: CommandResult = { status: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (result.stdout += chunk));
  child.stderr.on("data", (chunk) => (result.stderr += chunk));
  child.stdin.end(input);
  result.status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return result;
}

/** Runs a command within this process, up to its failure: what it prints and how it exits. */
export async function failure(...args: string[]): Promise<{ status: number; stderr: string }> {
  const program = await createProgram();
  let stderr = "";
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeErr: (text) => (stderr += text) });
    command.exitOverride((error) => {
      throw error;
    });
  }
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return { status: 2, stderr };
    return { status: error instanceof UsageError ? 2 : 1, stderr: describeFailure(error) };
  }
  throw new Error(`The command did not fail: ${args.join(" ")}`);
}
