import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Answer, Instance } from "#core/contract/index.ts";
import { projectFolder } from "./project.ts";

/** Questions that are remembered. */
const askedMax = 100;

type Asked = Record<string, Instance>;

/** Remembers a question that was asked from here: an accepted one may be stored nowhere else when its truth is taught. */
export async function rememberAsked({ id }: Pick<Answer, "id">, instance: Instance): Promise<void> {
  const path = askedPath();
  const known = Object.entries(await readAsked(path)).slice(1 - askedMax);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify({ ...Object.fromEntries(known), [id]: instance }), { mode: 0o600 });
}

/** Finds the instance of a question that was asked from here; null for any other. */
export async function askedInstance(id: string): Promise<Instance | null> {
  const asked = await readAsked(askedPath());
  return Object.hasOwn(asked, id) ? (asked[id] as Instance) : null;
}

async function readAsked(path: string): Promise<Asked> {
  return readFile(path, "utf8").then(
    (text) => JSON.parse(text) as Asked,
    () => ({}),
  );
}

function askedPath(): string {
  return join(projectFolder(), ".upriver", "asked.json");
}
