import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Credentials } from "../local/secrets.ts";

const ofModel = [
  "",
  "/versions",
  "/manifest",
  "/regions",
  "/runs",
  "/review",
  "/review/flagged",
  "/samples",
  "/trainings",
];

/** Reads everything that a ladder's lists show of models, and how many objects it has: two snapshots are equal if nothing was stored. */
export async function snapshot(
  { edge, tokens }: Pick<Credentials, "edge" | "tokens">,
  models: readonly string[],
  folder: string,
): Promise<Record<string, string>> {
  const paths = ["/v1/models", ...models.flatMap((model) => ofModel.map((path) => `/v1/models/${model}${path}`))];
  const found: Record<string, string> = {};
  for (const path of paths) {
    const response = await fetch(edge + path, { headers: { authorization: `Bearer ${tokens.admin}` } });
    found[path] = `${response.status} ${withoutCounts(await response.text())}`;
  }
  found.objects = String(await objectsIn(join(folder, ".wrangler", "state", "v3")));
  return found;
}

// A refused question counts as a request, which is a metric and no state.
function withoutCounts(text: string): string {
  return text.replace(/"counts":\{.*?\}\}(?=,|\})/g, '"counts":{}');
}

/** Counts the Durable Objects and the objects of R2 and KV in a folder of state. */
async function objectsIn(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  return files.filter((name) => /\.sqlite$/.test(name) || /\/blobs\//.test(name)).length;
}
