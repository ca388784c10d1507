import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type Credentials, makeSecrets } from "./secrets.ts";

/** A deployment's secrets: those of the Worker, and what this machine's tools know of it. */
export interface Deployment {
  /** Null before the first deploy. */
  url: string | null;
  vars: Record<string, string>;
  credentials: Credentials;
}

const secretMode = 0o600;

/** The file with a deployment's secrets: outside the project, so that no repository can contain it. */
export function deploymentPath(name: string): string {
  return join(process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "upriver", `${name}.json`);
}

/** Reads a deployment's secrets; makes them, once, when there are none. */
export async function ensureDeployment(path: string): Promise<{ deployment: Deployment; isNew: boolean }> {
  const known = await readDeployment(path);
  if (known) return { deployment: known, isNew: false };
  const { vars, credentials } = await makeSecrets({ edge: "", origin: "" });
  const deployment: Deployment = { url: null, vars, credentials };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Never over an existing file: its SPLIT_SECRET belongs to the stored samples.
  await writeFile(path, `${JSON.stringify(deployment, null, 2)}\n`, { mode: secretMode, flag: "wx" });
  return { deployment, isNew: true };
}

/** Reads a deployment's secrets; null when there are none. */
export async function readDeployment(path: string): Promise<Deployment | null> {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(await readFile(path, "utf8")) as Deployment;
  } catch (cause) {
    throw new Error(`${path} is not valid JSON. Restore it from a copy: it holds the deployment's keys.`, { cause });
  }
}

/** Records where a deployment is. */
export async function saveUrl(path: string, deployment: Deployment, url: string): Promise<Deployment> {
  const saved = { ...deployment, url, credentials: { ...deployment.credentials, edge: url } };
  await writeFile(path, `${JSON.stringify(saved, null, 2)}\n`, { mode: secretMode });
  return saved;
}

/** Reads the Worker's name from a project's wrangler.toml. Throws when there is none. */
export async function workerName(folder: string): Promise<string> {
  const path = join(folder, "wrangler.toml");
  if (!existsSync(path))
    throw new Error(`There is no wrangler.toml in ${folder}. Make a project: npx upriver init <name>`);
  const name = /^name\s*=\s*"([^"]+)"/m.exec(await readFile(path, "utf8"))?.[1];
  if (name) return name;
  throw new Error(`${path} has no name. Add a line such as name = "shop".`);
}
