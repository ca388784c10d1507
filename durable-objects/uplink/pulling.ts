import * as z from "zod";
import { ArtefactError, blobKey, checkBlob, checkManifest } from "#core/artefacts.ts";
import { elapsedMs } from "#core/clock.ts";
import { type BlobRef, blobShardMaxBytes, type Manifest, modelNameSchema } from "#core/contract/index.ts";
import { loadNetwork, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { checkShapes, loadTensorModel } from "#core/model/tensor-model.ts";
import { type RungHost, servedManifest } from "#core/rung-kind.ts";
import { publicKeysSchema } from "#core/sign.ts";
import type { Jobs } from "../jobs.ts";
import type { RegistryApi } from "../registry/api.ts";
import type { Remote } from "../stubs.ts";
import { type Above, AboveError } from "./above.ts";
import type { TakenModel, TakenModels } from "./tables/taken.ts";

/** When a version that was refused is tried again: what is broken above may have been repaired. */
const refusedMs = 60_000;

// A newer rung above says more.
const listedSchema = z.object({ model: modelNameSchema, stable: z.int().nullable(), revision: z.int().optional() });
const listSchema = z.object({ models: z.array(listedSchema) });
type Listed = z.infer<typeof listedSchema>;

/** What pulling models reads and changes. */
interface PullingNeeds {
  above: Above;
  publishKeys: string;
  host: RungHost;
  artefacts: Pick<R2Bucket, "head" | "get" | "put">;
  taken: TakenModels;
  jobs: Pick<Jobs, "bringForward">;
  registry: (model: string) => Pick<Remote<RegistryApi>, "take" | "rollout">;
}

/** Takes the models of the rung above: each stable version, under the number and the signature that it has there. */
export class Pulling {
  private readonly needs: PullingNeeds;
  /** The list that was read last, and its tag; in memory: a new instance reads it once. */
  private listed: Listed[] = [];
  private tag: string | null = null;

  constructor(needs: PullingNeeds) {
    this.needs = needs;
  }

  /** Reads which models there are above, in one request, and schedules the jobs `model` of those that are others here. */
  async look(): Promise<void> {
    const { above, taken, jobs } = this.needs;
    const list = await above.tagged("/v1/models", this.tag);
    if (list) {
      this.listed = listSchema.parse(JSON.parse(list.text)).models;
      this.tag = list.tag;
    }
    for (const { model, stable, revision } of this.listed) {
      const known = taken.get(model);
      const isSame = stable === null || (known.version === stable && known.revision === (revision ?? known.revision));
      const isRefused = known.fault !== null && elapsedMs(known.triedAt, Date.now()) < refusedMs;
      if ((!isSame || known.fault !== null) && !isRefused) jobs.bringForward("model", model, Date.now());
    }
  }

  /** The job `model`: takes the version that serves above. What is wrong with one model stops no other. */
  async take(model: string): Promise<number | null> {
    const { taken } = this.needs;
    const listed = this.listed.find((one) => one.model === model);
    // The next round reads the list.
    if (!listed || listed.stable === null) return null;
    const known = taken.get(model);
    const triedAt = Date.now();
    const revision = listed.revision ?? known.revision;
    try {
      if (revision < known.revision) throw new ArtefactError(`models/${model}`, olderFault(revision, known.revision));
      if (known.version !== listed.stable) await this.takeVersion(model, listed.stable);
      taken.set({ model, revision, version: listed.stable, fault: null, triedAt });
    } catch (error) {
      // While the line is cut nothing is known to be wrong with the model: the next round tries again.
      if (error instanceof AboveError && error.fault !== "missing") return null;
      this.refuse({ ...known, revision: Math.max(known.revision, revision), fault: reasonOf(error), triedAt });
    }
    return null;
  }

  /** Takes a version: its blobs, then its manifest, then the pointer. Blobs that are there are not fetched again. */
  private async takeVersion(model: string, version: number): Promise<void> {
    const { above, publishKeys, registry } = this.needs;
    const keys = publicKeysSchema.parse(JSON.parse(publishKeys));
    const text = await above.text(`/v1/models/${model}/manifest?version=${version}`);
    const manifest = await checkManifest(model, version, text, keys);
    for (const { blob, isPrivate } of neededBlobs(manifest)) await this.fetchBlob(blob, isPrivate);
    await checkLoads(manifest, this.needs.host, this.readBlob);
    const taken = await registry(model).take(manifest);
    if (!taken.ok) throw new Error(`this node's registry does not take it: ${JSON.stringify(taken.error)}`);
    const moved = await registry(model).rollout(version, null);
    if (!moved.ok) throw new Error(`this node's registry does not roll it out: ${JSON.stringify(moved.error)}`);
    console.log(JSON.stringify({ event: "version-taken", model, version, from: above.url }));
  }

  /** Fetches a blob that is not there, and stores it where its bytes have its hash. */
  private async fetchBlob(blob: BlobRef, isPrivate: boolean): Promise<void> {
    const { above, artefacts } = this.needs;
    if (await artefacts.head(blobKey(blob.sha256))) return;
    const sent = await above.blob(blob.sha256, blobShardMaxBytes).catch((cause: unknown) => {
      const isKept = isPrivate && cause instanceof AboveError && cause.fault === "revoked";
      throw isKept ? new ArtefactError(blobKey(blob.sha256), "the rung above gives it to no node: update it") : cause;
    });
    const bytes = await checkBlob(blob, sent);
    await artefacts.put(blobKey(blob.sha256), bytes, { customMetadata: { scope: isPrivate ? "publish" : "ask" } });
  }

  private readonly readBlob: ReadBlob = async (blob) => {
    const object = await this.needs.artefacts.get(blobKey(blob.sha256));
    return checkBlob(blob, object && (await object.arrayBuffer()));
  };

  private refuse(row: TakenModel): void {
    const { taken, above } = this.needs;
    const isNew = taken.get(row.model).fault !== row.fault;
    taken.set(row);
    const { model, revision, fault } = row;
    if (isNew) console.error(JSON.stringify({ event: "version-not-taken", model, revision, from: above.url, fault }));
  }
}

/**
 * Lists what a node needs of a version: its thin networks, of which rungs below may run others, and what heads are trained and
 * judged with. Full and the recipe stay above.
 */
function neededBlobs(manifest: Manifest): { blob: BlobRef; isPrivate: boolean }[] {
  const of = (blobs: readonly BlobRef[], isPrivate = false) => blobs.map((blob) => ({ blob, isPrivate }));
  if (manifest.task === "tensor") return of([manifest.network.topology, ...manifest.network.shards]);
  const { node, device } = manifest.thins ?? {};
  const thins = [{ ...manifest, network: manifest.thin }, node, device].filter((own) => own !== undefined);
  return thins.flatMap(({ network: { backbone, head }, anchor, prior }) => {
    const parts = [anchor, prior].flatMap((part) => (part ? [part.blob] : []));
    return [...of([backbone.topology, ...backbone.shards, head.blob]), ...of(parts, true)];
  });
}

/** Loads a version once, as this node serves it, so that one that can't run is refused before any caller is routed to it. */
async function checkLoads(signed: Manifest, host: RungHost, read: ReadBlob): Promise<void> {
  const manifest = servedManifest(signed, host);
  if (manifest.task !== "tensor") return (await loadNetwork(servingEngine, manifest.thin, read)).release();
  const loaded = await loadTensorModel(servingEngine, manifest.network, read);
  try {
    checkShapes(loaded);
  } finally {
    loaded.release();
  }
}

function olderFault(revision: number, seen: number): string {
  return `the rung above has revision ${revision} of its pointer, and revision ${seen} was seen: that state is older`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
