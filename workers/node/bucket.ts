import type { ArtefactsApi, StoredFile } from "#objects/artefacts/api.ts";
import type { Remote } from "#objects/stubs.ts";

const listMax = 1_000;

/** What Upriver uses of R2, on files in an object. */
export function bucketOn(store: () => Remote<ArtefactsApi>): R2Bucket {
  const bucket: Pick<R2Bucket, "head" | "delete"> & Record<"get" | "put" | "list", unknown> = {
    async head(key) {
      const file = await store().head(key);
      return file && (objectOf(file) as R2Object);
    },
    async get(key: string) {
      const found = await store().read(key);
      return found && { ...objectOf(found.file), ...bodyOf(found.bytes) };
    },
    async put(key: string, value: ArrayBuffer | ArrayBufferView | string, options: R2PutOptions = {}) {
      const bytes = await new Response(value as BodyInit).arrayBuffer();
      return objectOf(await store().write(key, bytes, options.customMetadata ?? {}));
    },
    async delete(keys) {
      await store().remove([keys].flat());
    },
    async list({ prefix = "", delimiter, cursor, limit = listMax }: R2ListOptions = {}) {
      const page = await store().list({
        ...{ prefix, delimiter: delimiter ?? null, after: cursor ?? null, limit: Math.min(limit, listMax) },
      });
      const rest = page.next === null ? { truncated: false } : { truncated: true, cursor: page.next };
      return { objects: page.files.map(objectOf), delimitedPrefixes: page.prefixes, ...rest };
    },
  };
  return bucket as R2Bucket;
}

function objectOf({ key, size, at, customMetadata }: StoredFile) {
  return { key, size, uploaded: new Date(at), customMetadata };
}

function bodyOf(bytes: ArrayBuffer) {
  return {
    arrayBuffer: async () => bytes,
    text: async () => new TextDecoder().decode(bytes),
    json: async () => JSON.parse(new TextDecoder().decode(bytes)),
    get body() {
      return new Response(bytes).body;
    },
  };
}
