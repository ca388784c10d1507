import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { Manifest, OpenApi, TensorManifest, TrainerName } from "#core/contract/index.ts";
import { sign } from "#core/sign.ts";
import { publish } from "#origin/publish.ts";
import type { Artefact, ManifestDraft, Unpublished } from "#origin/train/index.ts";
import type { DemoChoice } from "#scripts/local/demo.ts";
import { type LocalLadder, startLadder } from "#scripts/local/ladder.ts";
import { freePort } from "#scripts/local/ports.ts";
import { type Credentials, ensureSecrets } from "#scripts/local/secrets.ts";
import { ApiCheck } from "../helpers/api-check.ts";
import { sharedCredentials, trainedModel } from "../helpers/shared.ts";

/** A ladder as tests that share it see it: they publish models under names of their own, and stop nothing. */
export type SharedLadder = Pick<LocalLadder, "client" | "credentials"> & {
  /** Throws when a response did not match the OpenAPI document. */
  check: () => void;
};

/** The ladder that test files share. Use it unless a test stops a part, counts everything, or needs other settings. */
export async function sharedLadder(): Promise<SharedLadder> {
  const credentials = await sharedCredentials();
  return { credentials, ...(await checkedClients(credentials)) };
}

/**
 * Starts a ladder in a temporary folder: a real edge, real objects and a real origin. Each response that its clients
 * get is checked against the OpenAPI document; `stop` throws when one did not match.
 */
export async function temporaryLadder({
  allowedOrigins,
  recipe = null,
  splitSecret,
  trainer,
  demo,
}: {
  allowedOrigins?: string;
  /** What trains at the origin; what each recipe says unless given. */
  trainer?: TrainerName | undefined;
  /** The console's demo; none by default. */
  demo?: DemoChoice;
  /** A recipe whose trained model is published and rolled out. */
  recipe?: string | null;
  /** Puts questions of the same ids into the same splits in each run. */
  splitSecret?: string;
} = {}): Promise<LocalLadder & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-test-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  if (splitSecret !== undefined) await setSplitSecret(folder, ports, splitSecret);
  const [ladder, artefact] = await Promise.all([
    startLadder({ folder, ports, recipe: null, allowedOrigins, trainer, demo }),
    recipe === null ? null : trainedModel(recipe),
  ]);
  const { client, check } = await checkedClients(ladder.credentials);
  const own = { ...ladder, client, folder };
  if (artefact) await rolloutOn(own, artefact);
  return {
    ...own,
    async stop() {
      await ladder.stop();
      await rm(folder, { recursive: true, force: true });
      check();
    },
  };
}

async function checkedClients({ edge: url, tokens }: Credentials): Promise<Omit<SharedLadder, "credentials">> {
  const api = new ApiCheck((await (await fetch(`${url}/openapi.json`)).json()) as OpenApi);
  const faults: string[] = [];
  const checked: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    await api.check(init?.method ?? "GET", String(input), response).catch((error: Error) => {
      // A response that was cut off by the caller's deadline cannot be judged.
      if (!init?.signal?.aborted) faults.push(error.message);
    });
    return response;
  };
  return {
    client: (scope) => new UpriverClient({ url, token: tokens[scope], fetch: checked }),
    check() {
      if (faults.length > 0) throw new Error(`Responses did not match the OpenAPI document: ${faults.join("; ")}`);
    },
  };
}

async function setSplitSecret(folder: string, ports: { edge: number; origin: number }, secret: string): Promise<void> {
  await ensureSecrets(folder, ports);
  const path = join(folder, ".dev.vars");
  const before = await readFile(path, "utf8");
  const after = before.replace(/^SPLIT_SECRET=.*$/m, `SPLIT_SECRET='${secret}'`);
  if (after === before) throw new Error(`${path} has no SPLIT_SECRET`);
  await writeFile(path, after);
}

/** Publishes a trained model on a ladder and rolls it out to all callers; returns its version. */
export async function rolloutOn<D extends ManifestDraft | Unpublished<TensorManifest>>(
  { client, credentials }: Pick<LocalLadder, "client" | "credentials">,
  artefact: Artefact<D>,
): Promise<number> {
  const publisher = client("publish");
  const { model, version } = await publish(publisher, artefact, credentials.signingKey);
  await publisher.rollout(model, { version });
  return version;
}

/** Publishes a test's model on a ladder, signed with the ladder's key, to all callers or to none yet. */
export async function publishOn(
  { client, credentials }: Pick<LocalLadder, "client" | "credentials">,
  { manifest, blobs }: { manifest: Manifest; blobs: ReadonlyMap<string, Uint8Array> },
  rollout: object | null = {},
): Promise<void> {
  const publisher = client("publish");
  for (const [sha256, bytes] of blobs) await publisher.putBlob(sha256, bytes);
  const { signature: _, ...unsigned } = manifest;
  await publisher.putVersion(await sign(unsigned as Manifest, credentials.signingKey));
  if (rollout) await publisher.rollout(manifest.model, { version: manifest.version, ...rollout });
}
