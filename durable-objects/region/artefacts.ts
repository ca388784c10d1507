import { blobKey, checkBlob, checkManifest, classifying, manifestKey } from "#core/artefacts.ts";
import { BoundedMap } from "#core/bounded-map.ts";
import type { ClassifyManifest, Head, HeadManifest } from "#core/contract/index.ts";
import { decodeHead, type HeadWeights } from "#core/head/head.ts";
import type { ReadBlob } from "#core/model/network.ts";
import { type RungSettings, rungHostOf, servedManifest } from "#core/rung-kind.ts";
import { publicKeysSchema } from "#core/sign.ts";

/** The bindings that reading artefacts takes. */
type ArtefactEnv = Pick<Env, "ARTEFACTS" | "PUBLISH_KEYS"> & RungSettings;

/** More versions than serve and are compared at a time. */
const knownMaxVersions = 16;

/** The manifests of a model, from R2. Each is read and checked once while it is in use. */
export class Manifests {
  private readonly known = new BoundedMap<number, ClassifyManifest>(knownMaxVersions);
  private readonly env: ArtefactEnv;
  private readonly model: string;

  constructor(env: ArtefactEnv, model: string) {
    this.env = env;
    this.model = model;
  }

  /** Returns the manifest of a version as this kind of rung serves it. Throws `ArtefactError` where it is missing or not signed by a pinned key. */
  async get(version: number): Promise<ClassifyManifest> {
    const known = this.known.get(version);
    if (known) return known;
    const object = await this.env.ARTEFACTS.get(manifestKey(this.model, version));
    const publicKeys = publicKeysSchema.parse(JSON.parse(this.env.PUBLISH_KEYS));
    const checked = await checkManifest(this.model, version, object && (await object.text()), publicKeys);
    const manifest = classifying(servedManifest(checked, rungHostOf(this.env)));
    this.known.set(version, manifest);
    return manifest;
  }
}

/** Returns a function that reads blobs from R2 and checks their hashes. */
export function blobReader(artefacts: R2Bucket): ReadBlob {
  return async (blob) => {
    const object = await artefacts.get(blobKey(blob.sha256));
    return checkBlob(blob, object && (await object.arrayBuffer()));
  };
}

/** Returns a head if it is for the backbone that serves: it is not where the rung has run another of the version's thin networks. */
export function ofBackbone({ thin }: Pick<ClassifyManifest, "thin">, head: HeadManifest | null): HeadManifest | null {
  return head?.backbone === thin.backbone.sha256 ? head : null;
}

/** Reads the weights of a head from R2. */
export async function readHead(read: ReadBlob, head: Head): Promise<HeadWeights> {
  return decodeHead(head, await read(head.blob));
}
