import { manifestKey } from "#core/artefacts.ts";
import { canonicalJson } from "#core/canonical.ts";
import type { Manifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { RegisteredVersion, RegistryRefusal } from "./api.ts";
import type { Preparations } from "./preparations.ts";
import type { RolloutHistory } from "./tables/history.ts";
import type { Versions } from "./tables/versions.ts";

/** What publishing a version needs. */
interface Needs {
  model: string;
  artefacts: Pick<R2Bucket, "put">;
  versions: Pick<Versions, "refusal" | "add" | "get" | "setState">;
  history: Pick<RolloutHistory, "add">;
  preparations: Pick<Preparations, "request">;
  regions: () => string[];
  transaction: <T>(work: () => T) => T;
}

/** Publishes versions, one at a time: first the manifest in R2, then the row that refers to it. */
export class Publishing {
  private readonly needs: Needs;
  private last: Promise<unknown> = Promise.resolve();

  constructor(needs: Needs) {
    this.needs = needs;
  }

  publish(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const turn = this.last.then(() => this.publishNext(manifest));
    this.last = turn.catch(() => {});
    return turn;
  }

  private async publishNext(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const { model, artefacts, versions, history, preparations, regions, transaction } = this.needs;
    const { version } = manifest;
    const text = canonicalJson(manifest);
    const sha256 = await sha256Hex(text);
    const refusal = versions.refusal(version, sha256);
    if (refusal) return fail(refusal);
    await artefacts.put(manifestKey(model, version), text);
    transaction(() => {
      if (!versions.add(manifest, sha256)) return;
      history.add("published", { version });
      const known = regions();
      for (const region of known) preparations.request(version, region);
      if (known.length === 0) versions.setState(version, "prepared");
    });
    return ok(versions.get(version) as RegisteredVersion);
  }
}
