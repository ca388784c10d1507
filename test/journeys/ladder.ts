import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { Manifest, OpenApi } from "#core/contract/index.ts";
import { sign } from "#core/sign.ts";
import { type LocalLadder, startLadder } from "#scripts/local/ladder.ts";
import { freePort } from "#scripts/local/ports.ts";
import { ensureSecrets } from "#scripts/local/secrets.ts";
import { ApiCheck } from "../helpers/api-check.ts";

/**
 * A whole ladder, with nothing published unless a recipe is named, in a folder of its own: real edge, real objects,
 * real origin. What its clients get is held against the OpenAPI document; `stop` throws what was otherwise.
 */
export async function temporaryLadder({
  allowedOrigins,
  recipe = null,
  splitSecret,
}: {
  allowedOrigins?: string;
  /** The recipe that the origin trains and publishes first. */
  recipe?: string | null;
  /** Deals questions of the same ids into the same splits each time. */
  splitSecret?: string;
} = {}): Promise<LocalLadder & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-test-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  if (splitSecret !== undefined) await setSplitSecret(folder, ports, splitSecret);
  const ladder = await startLadder({ folder, ports, recipe, allowedOrigins });
  const { edge: url, tokens } = ladder.credentials;
  const api = new ApiCheck((await (await fetch(`${url}/openapi.json`)).json()) as OpenApi);
  const checked: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    await api.check(init?.method ?? "GET", String(input), response).catch((error: Error) => faults.push(error.message));
    return response;
  };
  const faults: string[] = [];
  return {
    ...ladder,
    folder,
    client: (scope) => new UpriverClient({ url, token: tokens[scope], fetch: checked }),
    async stop() {
      await ladder.stop();
      await rm(folder, { recursive: true, force: true });
      if (faults.length > 0) throw new Error(`Responses were not as the OpenAPI document says: ${faults.join("; ")}`);
    },
  };
}

async function setSplitSecret(folder: string, ports: { edge: number; origin: number }, secret: string): Promise<void> {
  await ensureSecrets(folder, ports);
  const path = join(folder, ".dev.vars");
  await writeFile(path, (await readFile(path, "utf8")).replace(/^SPLIT_SECRET=.*$/m, `SPLIT_SECRET='${secret}'`));
}

/** Publishes a test's model on a ladder, signed with the ladder's own key, to all or to nobody yet. */
export async function publishOn(
  { client, credentials }: LocalLadder,
  { manifest, blobs }: { manifest: Manifest; blobs: ReadonlyMap<string, Uint8Array> },
  rollout: object | null = {},
): Promise<void> {
  const publisher = client("publish");
  for (const [sha256, bytes] of blobs) await publisher.putBlob(sha256, bytes);
  const { signature: _, ...unsigned } = manifest;
  await publisher.putVersion(await sign(unsigned as Manifest, credentials.signingKey));
  if (rollout) await publisher.rollout(manifest.model, { version: manifest.version, ...rollout });
}
