import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UpriverClient } from "#client/index.ts";
import { ArtefactError, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";
import { isDiskFull, readIfPresent } from "./disk.ts";

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
    const bytes = await this.read(blob);
    const path = this.pathOf(blob);
    if (!existsSync(path)) await this.write(blob, bytes);
    return path;
  }

  private async fetch(blob: BlobRef): Promise<ArrayBuffer> {
    const bytes = await checkBlob(blob, await this.client.blob(blob.sha256));
    await this.write(blob, bytes).catch((error) => {
      // A full disk keeps no copy; what was fetched answers all the same.
      if (!isDiskFull(error)) throw error;
    });
    return bytes;
  }

  private async write(blob: BlobRef, bytes: ArrayBuffer): Promise<void> {
    const path = this.pathOf(blob);
    // Renamed into place, so that an interrupted write never passes for a blob.
    const part = `${path}.${randomUUID()}.part`;
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(part, new Uint8Array(bytes));
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      throw error;
    }
  }

  private pathOf({ sha256 }: BlobRef): string {
    return join(this.folder, sha256);
  }
}
