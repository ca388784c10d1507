import { checkManifest, classifying, manifestKey } from "#core/artefacts.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { publicKeysSchema } from "#core/sign.ts";
import type { Jobs } from "../jobs.ts";
import type { SemanticCache } from "./answering/semantic-cache.ts";
import type { Waiters } from "./answering/waiters.ts";
import type { Archive } from "./labels/archive.ts";
import type { CanaryCounts } from "./labels/canary-counts.ts";
import type { LiveRule } from "./labels/live-rule.ts";
import type { Drift } from "./retrain/drift.ts";
import type { RegionCounter } from "./tables/counts.ts";
import type { Embeddings } from "./tables/embeddings.ts";
import type { Heads } from "./tables/heads.ts";
import type { Questions } from "./tables/questions.ts";
import type { Samples } from "./tables/samples.ts";
import type { SumShards } from "./tables/sums.ts";
import type { Turns } from "./turns.ts";

/** What the parts of a region object share. */
export interface RegionContext {
  model: string;
  region: string;
  env: Env;
  storage: DurableObjectStorage;
  jobs: Jobs;
  turns: Turns;
  questions: Questions;
  samples: Samples;
  embeddings: Embeddings;
  sums: SumShards;
  rule: LiveRule;
  semanticCache: SemanticCache;
  drift: Drift;
  canary: CanaryCounts;
  counts: RegionCounter;
  archive: Archive;
  heads: Heads;
  waiters: Waiters;
  manifests: Manifests;
}

/** The manifests of a model, from R2, each read once. */
export class Manifests {
  private readonly known = new Map<number, ClassifyManifest>();
  private readonly env: Env;
  private readonly model: string;

  constructor(env: Env, model: string) {
    this.env = env;
    this.model = model;
  }

  async get(version: number): Promise<ClassifyManifest> {
    const known = this.known.get(version);
    if (known) return known;
    const object = await this.env.ARTEFACTS.get(manifestKey(this.model, version));
    const publicKeys = publicKeysSchema.parse(JSON.parse(this.env.PUBLISH_KEYS));
    const checked = await checkManifest(this.model, version, object && (await object.text()), publicKeys);
    const manifest = classifying(checked);
    this.known.set(version, manifest);
    return manifest;
  }
}
