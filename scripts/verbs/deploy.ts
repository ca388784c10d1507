import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import {
  type Deployment,
  deploymentPath,
  ensureDeployment,
  readDeployment,
  saveUrl,
  workerName,
} from "../local/deployment.ts";
import { printResult } from "../local/output.ts";
import { bin } from "../local/process.ts";
import { projectFolder } from "../local/project.ts";
import { examine, report } from "./doctor.ts";

interface Options {
  dryRun?: boolean;
  url?: string;
  json?: boolean;
}

const answersWithinMs = 60_000;
const pollMs = 2_000;

/** `upriver deploy`: deploys the project to Cloudflare. */
export function deployVerb(program: Command): void {
  program
    .command("deploy")
    .description("deploy the project to Cloudflare: secrets and keys, the Worker, and a check of the result")
    .option("--dry-run", "bundle and check everything, but change nothing")
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nSecrets are made once and kept in a file outside the project; they are never printed.\n" +
        "Then: npx upriver publish <name> --deployed\n\nExample:\n  npx upriver deploy --dry-run",
    )
    .action(run);
}

async function run({ dryRun, json }: Options, command: Command): Promise<void> {
  const folder = projectFolder();
  const name = await workerName(folder);
  const path = deploymentPath(name);
  if (dryRun) {
    const known = await readDeployment(path);
    const out = await mkdtemp(join(tmpdir(), "upriver-deploy-"));
    try {
      await wrangler(folder, ["deploy", "--dry-run", "--outdir", out], json);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
    return printResult(json, { name, secrets: path, secretsExist: known !== null, dryRun: true }, () =>
      known
        ? `Its secrets are in ${path}. Nothing was deployed.`
        : `A deploy would write its secrets to ${path}. Nothing was deployed.`,
    );
  }
  const { deployment, isNew } = await ensureDeployment(path);
  if (isNew) console.error(`Secrets and keys: ${path}. Keep a copy: who has it controls the deployment.`);
  const printed = await deployWith(folder, deployment, json);
  const given = command.optsWithGlobals<{ url?: string }>().url;
  const url = given ?? /https:\/\/\S+\.workers\.dev/.exec(printed)?.[0] ?? deployment.url;
  if (!url) throw new Error("The deployment's address is not known. Deploy again with --url <its address>.");
  const saved = await saveUrl(path, deployment, url);
  const findings = await untilAnswers(new UpriverClient({ url, token: saved.credentials.tokens.admin }));
  const faults = findings.filter(({ isSound }) => !isSound);
  printResult(json, { name, url, secrets: path, findings, faults: faults.length }, () =>
    [`Deployed: ${url}`, report(findings), "Next: npx upriver publish <name> --deployed"].join("\n"),
  );
  if (faults.length > 0) process.exitCode = 1;
}

async function deployWith(folder: string, { vars }: Deployment, isQuiet = false): Promise<string> {
  const temporary = await mkdtemp(join(tmpdir(), "upriver-deploy-"));
  try {
    const secrets = join(temporary, "secrets.json");
    await writeFile(secrets, JSON.stringify(vars), { mode: 0o600 });
    return await wrangler(folder, ["deploy", "--secrets-file", secrets], isQuiet);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Runs wrangler in the project; shows and returns what it prints. Throws when it fails. */
function wrangler(folder: string, args: string[], isQuiet = false): Promise<string> {
  const child = spawn(process.execPath, [bin("wrangler"), ...args], {
    cwd: folder,
    stdio: ["inherit", "pipe", "pipe"],
  });
  let printed = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (chunk: Buffer) => {
      printed += chunk;
      if (!isQuiet) process.stderr.write(chunk);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve(printed);
      else
        reject(
          new Error(
            `'wrangler ${args[0]}' failed with code ${code}${isQuiet ? `:\n${printed}` : "; see its messages above"}. Correct that, then deploy again.`,
          ),
        );
    });
  });
}

// A new address answers after some seconds.
async function untilAnswers(client: UpriverClient): ReturnType<typeof examine> {
  const deadline = Date.now() + answersWithinMs;
  for (;;) {
    const findings = await examine(client);
    if (findings.length > 1 || Date.now() > deadline) return findings;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
