import type { Artefact } from "#origin/train/index.ts";
import { loadArtefact } from "#origin/train/store.ts";
import type { Credentials } from "#scripts/local/secrets.ts";

/** Returns a recipe's trained model: it is trained once a run for all test files. */
export async function trainedModel(recipe: string, { before = "" } = {}): Promise<Artefact> {
  const query = new URLSearchParams({ recipe, ...(before ? { before } : {}) });
  const { folder } = await fetchShared<{ folder: string }>(`/trained?${query}`);
  return loadArtefact(folder);
}

/** Returns the credentials of the ladder that test files share: it starts with the first file that asks for it. */
export function sharedCredentials(): Promise<Credentials> {
  return fetchShared("/ladder");
}

async function fetchShared<T>(path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${process.env.UPRIVER_TEST_SHARED_PORT}${path}`);
  if (!response.ok) throw new Error(`${path} could not be made: ${await response.text()}`);
  return (await response.json()) as T;
}
