import { ArtefactError, blobKey, checkBlob, checkManifest, classifying } from "../../core/artefacts.ts";
import { type BlobRef, type OpenSums, openSumsSchema, type Serving, servingSchema } from "../../core/contract/index.ts";
import { FaultError } from "../../core/http/fault.ts";
import { EngineError } from "../../core/model/engine.ts";
import { chosenThin, type RungHost, servedManifest } from "../../core/rung-kind.ts";
import { ProblemError } from "../errors.ts";
import { modelPath, regionPath } from "../requests.ts";
import type { Transport } from "../transport.ts";
import { DeviceError } from "./errors.ts";
import { loadServed, type Served } from "./served.ts";
import type { DeviceKeys, DeviceStorage } from "./types.ts";

/** What models are read from and kept in. */
interface ModelNeeds {
  model: string;
  region: string;
  host: RungHost;
  /** The pinned keys; null to trust those that the deployment names. */
  keys: DeviceKeys | null;
  transport: Transport;
  storage: DeviceStorage;
}

/** A version as it is kept: what serves, and its signed manifest. */
interface Kept {
  serving: Serving;
  manifest: string;
  open: OpenSums | null;
}

const keptKey = "version";

/** Takes what serves the device's region from the rung above: verified, kept for later, and never older than what was seen. */
export class Models {
  private readonly needs: ModelNeeds;

  constructor(needs: ModelNeeds) {
    this.needs = needs;
  }

  /** Loads the version that is kept; null where there is none, or where it can't be used. */
  async kept(): Promise<Served | null> {
    const kept = (await this.needs.storage.get(keptKey)) as Kept | undefined;
    if (!kept) return null;
    try {
      return await this.load(kept);
    } catch (error) {
      console.warn(`The stored model can't be used: ${String(error)}`);
      return null;
    }
  }

  /** Takes what serves now; null where that is what `current` is. Throws where it can't be fetched, is older, or can't be used. */
  async newer(current: Served | null): Promise<Served | null> {
    const { model, region, transport, storage } = this.needs;
    const path = `${regionPath(model, region)}/serving`;
    const parsed = servingSchema.safeParse(await transport.json({ method: "GET", path }));
    if (!parsed.success) throw unknownForm(model);
    const serving = parsed.data;
    const before = ((await storage.get(keptKey)) as Kept | undefined) ?? null;
    if (before) refuseOlder(serving, before.serving);
    const isSame = current !== null && JSON.stringify(serving) === JSON.stringify(current.serving);
    if (isSame && current.manifest.policy.labels !== "open") return null;
    const isKept = before?.serving.version === serving.version;
    const manifest = isKept && before ? before.manifest : await this.fetchManifest(serving.version);
    const open = await this.openSums();
    if (isSame && open?.revision === current.open?.revision) return null;
    const kept: Kept = { serving, manifest, open };
    const served = await this.load(kept);
    await storage.write([[keptKey, kept]]);
    await this.forgetOthers(served);
    return served;
  }

  private async load({ serving, manifest: text, open }: Kept): Promise<Served> {
    const { model, host } = this.needs;
    const keys = this.needs.keys ?? { publish: serving.publishKeys, deployment: serving.deploymentKeys };
    try {
      const signed = classifying(await checkManifest(model, serving.version, text, keys.publish));
      const isOwnThin = chosenThin(signed, host) === "device";
      const manifest = classifying(servedManifest(signed, host));
      return await loadServed({ serving, manifest, isOwnThin, open }, keys, (blob) => this.blob(blob));
    } catch (error) {
      if (error instanceof FaultError)
        throw new DeviceError(`'${model}' is a model without regions: a device can't run it.`);
      if (error instanceof ArtefactError || error instanceof EngineError) throw new DeviceError(error.message);
      throw error;
    }
  }

  /** Fetches what contributions taught the region; null where its labels are not open, or where it does not exist yet. */
  private async openSums(): Promise<OpenSums | null> {
    const { model, region, transport } = this.needs;
    const path = `${regionPath(model, region)}/contributions`;
    try {
      const parsed = openSumsSchema.safeParse(await transport.json({ method: "GET", path }));
      if (!parsed.success) throw unknownForm(model);
      return parsed.data;
    } catch (error) {
      // 409: labels are listed. 405: the rung above is of an earlier release.
      if (error instanceof ProblemError && [404, 405, 409].includes(error.status)) return null;
      throw error;
    }
  }

  private async fetchManifest(version: number): Promise<string> {
    const path = `${modelPath(this.needs.model)}/manifest?version=${version}`;
    return new TextDecoder().decode(await this.needs.transport.bytes({ method: "GET", path }));
  }

  private async blob(blob: BlobRef): Promise<ArrayBuffer> {
    const { storage, transport } = this.needs;
    const key = blobKey(blob.sha256);
    const kept = (await storage.get(key)) as ArrayBuffer | undefined;
    // A damaged copy is fetched again.
    const known = kept && (await checkBlob(blob, kept).catch(() => null));
    if (known) return known;
    const fetched = transport.bytes({ method: "GET", path: `/v1/blobs/${blob.sha256}` });
    const bytes = await checkBlob(
      blob,
      await fetched.catch((error: unknown) => {
        if (error instanceof ProblemError && error.status === 404) return null;
        throw error;
      }),
    );
    await storage.write([[key, bytes]]);
    return bytes;
  }

  private async forgetOthers({ manifest: { thin }, regional }: Served): Promise<void> {
    const head = regional.head?.manifest.head.blob;
    const used = [thin.backbone.topology, ...thin.backbone.shards, thin.head.blob, ...(head ? [head] : [])];
    const keys = new Set(used.map(({ sha256 }) => blobKey(sha256)));
    const stored = await this.needs.storage.keys(blobKey(""));
    await this.needs.storage.write(stored.filter((key) => !keys.has(key)).map((key) => [key, undefined] as const));
  }
}

function unknownForm(model: string): DeviceError {
  return new DeviceError(`'${model}' is served in a form that this release does not know. Update @upriver/client.`);
}

/** Throws for a state that is older than one that was seen: a replayed reply, or an old copy of the registry. */
function refuseOlder(next: Serving, seen: Serving): void {
  const revisions: [what: string, next: number, seen: number][] = [["model's pointer", next.revision, seen.revision]];
  if (next.version === seen.version) {
    revisions.push(["region's head", next.own.revision, seen.own.revision]);
    const [parent, before] = [next.parent, seen.parent];
    if (parent && parent.region === before?.region) {
      revisions.push(["parent's head", parent.pointer.revision, before.pointer.revision]);
    }
  }
  for (const [what, now, before] of revisions) {
    if (now >= before) continue;
    throw new DeviceError(
      `The ${what} has revision ${now} above, and revision ${before} was seen: that state is older.`,
    );
  }
}
