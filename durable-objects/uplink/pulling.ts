import * as z from "zod";
import { ArtefactError, blobKey, checkBlob, checkManifest } from "#core/artefacts.ts";
import {
  type BlobRef,
  blobShardMaxBytes,
  type Manifest,
  modelNameSchema,
  modelPointerSchema,
} from "#core/contract/index.ts";
import { loadNetwork, type ReadBlob } from "#core/model/network.ts";
import { checkShapes, loadTensorModel } from "#core/model/tensor-model.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { publicKeysSchema } from "#core/sign.ts";
import type { Jobs } from "../jobs.ts";
import type { RegistryApi } from "../registry/api.ts";
import type { Remote } from "../stubs.ts";
import { type Above, AboveError } from "./above.ts";
import type { TakenModel, TakenModels } from "./tables/taken.ts";

/** How long one step fetches blobs; another one goes on, so that the node says meanwhile that it lives. */
const stepMs = 5_000;
/** When a version that was refused is tried again: what is broken above may have been repaired. */
const refusedMs = 60_000;

// A newer rung above says more.
const listSchema = z.object({
  models: z.array(z.object({ model: modelNameSchema, stable: z.int().nullable(), revision: z.int().optional() })),
});
const stateSchema = z.object({ pointer: z.object(modelPointerSchema.shape) });

/** What pulling models reads and changes. */
interface PullingNeeds {
  above: Above;
  publishKeys: string;
  artefacts: Pick<R2Bucket, "head" | "get" | "put">;
  taken: TakenModels;
  jobs: Pick<Jobs, "bringForward">;
  registry: (model: string) => Pick<Remote<RegistryApi>, "take" | "rollout">;
}

/** Takes the models of the rung above: each stable version, under the number and the signature that it has there. */
export class Pulling {
  private readonly needs: PullingNeeds;
  /** The tag of the list that was read last; only in memory: a new instance reads all of it once. */
  private tag: string | null = null;

  constructor(needs: PullingNeeds) {
    this.needs = needs;
  }

  /** Reads which models there are above, in one request, and schedules the jobs `model` of those that have changed. */
  async look(): Promise<void> {
    const { above, taken, jobs } = this.needs;
    const list = await above.tagged("/v1/models", this.tag);
    const { models } = list ? listSchema.parse(JSON.parse(list.text)) : { models: [] };
    for (const { model, stable, revision } of models) {
      const known = taken.get(model);
      const isKnown = known.version === stable && known.revision === revision && known.fault === null;
      if (stable !== null && !isKnown) jobs.bringForward("model", model, Date.now());
    }
    const again = taken.all().filter(({ fault, triedAt }) => fault !== null && triedAt + refusedMs <= Date.now());
    for (const { model } of again) jobs.bringForward("model", model, Date.now());
    if (list) this.tag = list.tag;
  }

  /** The job `model`: takes the version that serves above. What is wrong with one model stops no other. */
  async take(model: string): Promise<number | null> {
    const { above, taken } = this.needs;
    const known = taken.get(model);
    const triedAt = Date.now();
    let revision = known.revision;
    try {
      const { pointer } = stateSchema.parse(JSON.parse(await above.text(`/v1/models/${model}`)));
      const { stable } = pointer;
      if (stable === null) return null;
      if (pointer.revision < known.revision) {
        const reason = `the rung above has revision ${pointer.revision} of its pointer, and revision ${known.revision} was seen: an older state`;
        throw new ArtefactError(`models/${model}`, reason);
      }
      revision = pointer.revision;
      if (known.version !== stable && !(await this.takeVersion(model, stable))) return Date.now();
      taken.set({ model, revision, version: stable, fault: null, triedAt });
    } catch (error) {
      // The next round asks again, once the line is back.
      if (error instanceof AboveError && error.fault !== "missing") this.tag = null;
      this.refuse({ ...known, revision: Math.max(known.revision, revision), fault: reasonOf(error), triedAt });
    }
    return null;
  }

  /** Takes a version: its blobs, then its manifest, then the pointer. Returns false where the next step goes on. */
  private async takeVersion(model: string, version: number): Promise<boolean> {
    const { above, publishKeys, registry } = this.needs;
    const keys = publicKeysSchema.parse(JSON.parse(publishKeys));
    const text = await above.text(`/v1/models/${model}/manifest?version=${version}`);
    const manifest = await checkManifest(model, version, text, keys);
    const until = Date.now() + stepMs;
    for (const { blob, isPrivate } of neededBlobs(manifest)) {
      if (Date.now() > until) return false;
      await this.fetchBlob(blob, isPrivate);
    }
    await checkLoads(manifest, this.readBlob);
    const taken = await registry(model).take(manifest);
    if (!taken.ok) throw new Error(`this node's registry does not take it: ${JSON.stringify(taken.error)}`);
    const moved = await registry(model).rollout(version, null);
    if (!moved.ok) throw new Error(`this node's registry does not roll it out: ${JSON.stringify(moved.error)}`);
    console.log(JSON.stringify({ event: "version-taken", model, version, from: above.url }));
    return true;
  }

  /** Fetches a blob that is not there, and stores it where its bytes have its hash. */
  private async fetchBlob(blob: BlobRef, isPrivate: boolean): Promise<void> {
    const { above, artefacts } = this.needs;
    if (await artefacts.head(blobKey(blob.sha256))) return;
    const bytes = await checkBlob(blob, await above.blob(blob.sha256, blobShardMaxBytes));
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

/** Lists what a node needs of a version: thin, and what heads are trained and judged with. Full and the recipe stay above. */
function neededBlobs(manifest: Manifest): { blob: BlobRef; isPrivate: boolean }[] {
  const of = (blobs: readonly BlobRef[], isPrivate = false) => blobs.map((blob) => ({ blob, isPrivate }));
  if (manifest.task === "tensor") return of([manifest.network.topology, ...manifest.network.shards]);
  const { backbone, head } = manifest.thin;
  const parts = [manifest.anchor, manifest.prior].flatMap((part) => (part ? [part.blob] : []));
  return [...of([backbone.topology, ...backbone.shards, head.blob]), ...of(parts, true)];
}

/** Loads a version once, so that one that can't run is refused before any caller is routed to it. */
async function checkLoads(manifest: Manifest, read: ReadBlob): Promise<void> {
  const engine = await tfjsEngine();
  if (manifest.task !== "tensor") return (await loadNetwork(engine, manifest.thin, read)).release();
  const loaded = await loadTensorModel(engine, manifest.network, read);
  try {
    checkShapes(loaded);
  } finally {
    loaded.release();
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) return "the rung above replied with something else than a model's state";
  return error instanceof Error ? error.message : String(error);
}
