import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import { ArtefactError, checkBlob } from "#core/artefacts.ts";
import type { BlobRef } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { ModelRung } from "#core/rung/model-rung.ts";

/** For how long the origin believes that a version is still the stable one, ms. */
const freshMs = 5_000;

interface Loaded {
  rung: ModelRung;
  version: number;
  release: () => void;
  checkedAt: number;
}

/** The full models, pulled from the edge's own API: an origin that lost its disk has them again. */
export class FullModels {
  private readonly client: UpriverClient;
  private readonly blobFolder: string;
  private readonly loaded = new Map<string, Loaded>();
  private readonly refreshing = new Map<string, Promise<Loaded>>();

  constructor(client: UpriverClient, dataFolder: string) {
    this.client = client;
    this.blobFolder = join(dataFolder, "blobs");
  }

  /** The rung of a model's stable version. Throws not-found for a model without a full network. */
  async rung(model: string): Promise<ModelRung> {
    const known = this.loaded.get(model);
    if (known && Date.now() - known.checkedAt < freshMs) return known.rung;
    try {
      return (await this.refreshOnce(model, known)).rung;
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 404) throw unknownModel(model);
      // The stable version may have no full network any more.
      if (error instanceof FaultError) throw error;
      // The edge is away: what was good a moment ago still answers.
      if (known && !(error instanceof ArtefactError)) return known.rung;
      throw error instanceof UnreachableError ? edgeAway(model, error) : error;
    }
  }

  /** The models that are loaded, with their versions. */
  list(): { model: string; version: number }[] {
    return [...this.loaded].map(([model, { version }]) => ({ model, version }));
  }

  // Questions that come together look together.
  private refreshOnce(model: string, known: Loaded | undefined): Promise<Loaded> {
    const underWay = this.refreshing.get(model);
    if (underWay) return underWay;
    const work = this.refresh(model, known).finally(() => this.refreshing.delete(model));
    this.refreshing.set(model, work);
    return work;
  }

  private async refresh(model: string, known: Loaded | undefined): Promise<Loaded> {
    const { pointer } = await this.client.model(model);
    if (known && known.version === pointer.stable) {
      known.checkedAt = Date.now();
      return known;
    }
    const manifest = await this.client.manifest(model, pointer.stable ?? undefined);
    if (manifest.task !== "classify" || !manifest.full) throw unknownModel(model);
    const network = await loadNetwork(await tfjsEngine(), manifest.full, (blob) => this.readBlob(blob));
    const loaded: Loaded = {
      rung: new ModelRung({ name: "origin", manifest, network }),
      version: manifest.version,
      release: () => network.backbone.release(),
      checkedAt: Date.now(),
    };
    this.loaded.get(model)?.release();
    this.loaded.set(model, loaded);
    return loaded;
  }

  private async readBlob(blob: BlobRef): Promise<ArrayBuffer> {
    const path = join(this.blobFolder, blob.sha256);
    try {
      const file = await readFile(path);
      return await checkBlob(blob, new Uint8Array(file).buffer);
    } catch {
      // Missing or spoilt on disk: R2, by way of the edge, has it.
      const bytes = await checkBlob(blob, await this.client.blob(blob.sha256));
      await mkdir(this.blobFolder, { recursive: true });
      const part = `${path}.${randomUUID()}.part`;
      // Renamed into place, so that a cut-off write never passes for a blob.
      await writeFile(part, new Uint8Array(bytes));
      await rename(part, path);
      return bytes;
    }
  }
}

function unknownModel(model: string): FaultError {
  return new FaultError({
    kind: "not-found",
    what: `full model '${model}'`,
    next: "Publish one with 'npx upriver publish'; GET /v1/models at the edge lists the models.",
  });
}

function edgeAway(model: string, cause: UnreachableError): FaultError {
  const reason = `The origin can't fetch model '${model}' from the edge just now.`;
  return new FaultError({ kind: "unavailable", reason, next: "Check EDGE_URL and that the edge runs." }, { cause });
}
