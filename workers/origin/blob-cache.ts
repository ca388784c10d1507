import { randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UpriverClient } from "#client/index.ts";
import { ArtefactError, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";
import { readIfPresent } from "./disk.ts";

/** Blobs of the registry, fetched once through the edge's API and kept on disk. */
export class BlobCache {
  private readonly client: UpriverClient;
  private readonly folder: string;

  constructor(client: UpriverClient, folder: string) {
    this.client = client;
    this.folder = folder;
  }

  /** Reads a blob, verified by its hash. */
  async read(blob: BlobRef): Promise<ArrayBuffer> {
    const file = await readIfPresent(this.pathOf(blob));
    try {
      if (file) return await checkBlob(blob, new Uint8Array(file).buffer);
    } catch (error) {
      // A damaged copy is replaced.
      if (!(error instanceof ArtefactError)) throw error;
    }
    return this.fetch(blob);
  }

  /** Returns the path of a blob's file, which is fetched and verified first. */
  async file(blob: BlobRef): Promise<string> {
    await this.read(blob);
    return this.pathOf(blob);
  }

  private async fetch(blob: BlobRef): Promise<ArrayBuffer> {
    const path = this.pathOf(blob);
    const bytes = await checkBlob(blob, await this.client.blob(blob.sha256));
    await mkdir(this.folder, { recursive: true });
    // Renamed into place, so that an interrupted write never passes for a blob.
    const part = `${path}.${randomUUID()}.part`;
    await writeFile(part, new Uint8Array(bytes));
    await rename(part, path);
    return bytes;
  }

  private pathOf({ sha256 }: BlobRef): string {
    return join(this.folder, sha256);
  }
}
