import { checkManifest, classifying, manifestKey } from "#core/artefacts.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { publicKeysSchema } from "#core/sign.ts";

/** Reads the manifests of a model from R2, each once, and checks their signatures. */
export class Manifests {
  private readonly known = new Map<number, ClassifyManifest>();
  private readonly env: Pick<Env, "ARTEFACTS" | "PUBLISH_KEYS">;
  private readonly model: string;

  constructor(env: Pick<Env, "ARTEFACTS" | "PUBLISH_KEYS">, model: string) {
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
