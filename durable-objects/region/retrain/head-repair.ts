import { ArtefactError, blobKey, checkBlob } from "#core/artefacts.ts";
import type { HeadManifest } from "#core/contract/index.ts";
import type { HeadBlobs } from "../tables/head-blobs.ts";
import type { Heads } from "../tables/heads.ts";

/** How often a region checks that its heads are in R2. The edge reports a missing one at once. */
export const headCheckMs = 24 * 3600_000;

/** What repairing heads reads and changes. */
interface HeadRepairNeeds {
  bucket: R2Bucket;
  heads: Pick<Heads, "all" | "current">;
  blobs: Pick<HeadBlobs, "get" | "keep" | "has">;
}

/** Writes the blobs of the region's heads to R2 again, where they are missing or corrupt. */
export class HeadRepair {
  private readonly needs: HeadRepairNeeds;

  constructor(needs: HeadRepairNeeds) {
    this.needs = needs;
  }

  /** Runs the job `heads`: checks the current head of each base version. */
  async check(): Promise<number> {
    for (const head of this.needs.heads.all()) await this.repair(head);
    return Date.now() + headCheckMs;
  }

  /** Checks the current head of a base version. Returns whether its blob is sound now. */
  async checkOn(base: number): Promise<boolean> {
    const head = this.needs.heads.current(base);
    return head === null || this.repair(head);
  }

  private async repair({ model, region, head: { blob } }: HeadManifest): Promise<boolean> {
    const { bucket, blobs } = this.needs;
    try {
      const object = await bucket.get(blobKey(blob.sha256));
      const sound = await checkBlob(blob, object && (await object.arrayBuffer()));
      // Heads of earlier releases, and those that a rollback returned to.
      if (!blobs.has(blob.sha256)) blobs.keep(blob.sha256, sound);
      return true;
    } catch (error) {
      if (!(error instanceof ArtefactError)) throw error;
      const own = blobs.get(blob.sha256);
      const event = own ? "head-repaired" : "head-lost";
      console.warn(JSON.stringify({ event, model, region, blob: blob.sha256, reason: error.reason }));
      if (own) await bucket.put(blobKey(blob.sha256), own);
      return own !== null;
    }
  }
}
