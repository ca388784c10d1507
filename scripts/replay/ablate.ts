import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import { type ClassifyManifest, type LearningPart, learningParts } from "#core/contract/index.ts";
import { type SigningKey, sign } from "#core/sign.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { type PlayOptions, play } from "./play.ts";
import type { ReplayReport } from "./report.ts";

/** The result of a replay without one part of the learning; `without` is null for the replay with all parts. */
export interface Ablation {
  without: LearningPart | null;
  version: number;
  report: ReplayReport;
}

/**
 * Replays the same rows once with all parts of the learning and once without each part. Each replay has its own version,
 * which differs only in this setting, and starts with empty regions.
 */
export async function ablate(
  client: UpriverClient,
  recipe: Recipe,
  rows: Row[],
  key: SigningKey,
  options: PlayOptions & { parts: readonly LearningPart[]; onPart: (part: LearningPart | null) => void },
): Promise<Ablation[]> {
  const original = classifying(await client.manifest(recipe.name));
  const ablations: Ablation[] = [];
  try {
    for (const without of [null, ...options.parts]) {
      options.onPart(without);
      const learning = learningParts.filter((part) => part !== without);
      // Before the rollout, so that no region prepares for the version with samples it is about to forget.
      for (const { region } of await client.regions(recipe.name)) await client.forgetRegion(recipe.name, region);
      const version = await publishWith(client, original, learning, key);
      await client.rollout(recipe.name, { version });
      ablations.push({ without, version, report: await play(client, recipe, rows, options) });
    }
  } finally {
    await client.rollout(recipe.name, { version: original.version });
  }
  return ablations;
}

async function publishWith(
  client: UpriverClient,
  manifest: ClassifyManifest,
  learning: LearningPart[],
  key: SigningKey,
): Promise<number> {
  const { signature: _, ...unsigned } = manifest;
  const latest = (await client.versions(manifest.model)).versions[0]?.version ?? manifest.version;
  const policy = { ...manifest.policy, learning };
  const next = {
    ...unsigned,
    version: latest + 1,
    parent: manifest.version,
    policy,
    createdAt: new Date().toISOString(),
  };
  return (await client.putVersion(await sign<ClassifyManifest>(next, key))).version;
}
