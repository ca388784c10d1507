import { ProblemError, UnreachableError, type UpriverClient } from "#client/index.ts";
import { ArtefactError } from "#core/artefacts.ts";
import { FaultError } from "#core/http/fault.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ModelRung } from "#core/rung/model-rung.ts";
import type { BlobCache } from "./blob-cache.ts";

/** How long a version that was looked up counts as the stable one. */
const stableVersionTtlMs = 5_000;

interface Loaded {
  rung: ModelRung;
  version: number;
  release: () => void;
  checkedAt: number;
}

/** The full models, fetched through the edge's API and cached on disk. */
export class FullModels {
  private readonly client: UpriverClient;
  private readonly blobs: Pick<BlobCache, "read">;
  private readonly loaded = new Map<string, Loaded>();
  private readonly refreshing = new Map<string, Promise<Loaded>>();

  constructor(client: UpriverClient, blobs: Pick<BlobCache, "read">) {
    this.client = client;
    this.blobs = blobs;
  }

  /** Returns the rung of a model's stable version. Throws not-found for a model without a full network. */
  async rung(model: string): Promise<ModelRung> {
    const known = this.loaded.get(model);
    if (known && Date.now() - known.checkedAt < stableVersionTtlMs) return known.rung;
    try {
      return (await this.refreshOnce(model, known)).rung;
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status === 404) throw unknownModel(model);
      // The new stable version has no full network.
      if (error instanceof FaultError) throw error;
      // The edge cannot be reached: the last known version answers.
      if (known && !(error instanceof ArtefactError)) return known.rung;
      throw error instanceof UnreachableError ? edgeUnreachable(model, error) : error;
    }
  }

  /** Lists the loaded models with their versions. */
  list(): { model: string; version: number }[] {
    return [...this.loaded].map(([model, { version }]) => ({ model, version }));
  }

  // Concurrent questions share one refresh.
  private refreshOnce(model: string, known: Loaded | undefined): Promise<Loaded> {
    const running = this.refreshing.get(model);
    if (running) return running;
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
    if (manifest.task === "tensor" || !manifest.full) throw unknownModel(model);
    const network = await loadNetwork(servingEngine, manifest.full, (blob) => this.blobs.read(blob));
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
}

function unknownModel(model: string): FaultError {
  return new FaultError({
    kind: "not-found",
    what: `full model '${model}'`,
    next: "Publish one with 'npx upriver publish'. GET /v1/models at the edge lists the models.",
  });
}

function edgeUnreachable(model: string, cause: UnreachableError): FaultError {
  const reason = `The origin cannot reach the edge to fetch model '${model}'.`;
  return new FaultError(
    { kind: "unavailable", reason, next: "Check EDGE_URL and that the edge is running." },
    { cause },
  );
}
