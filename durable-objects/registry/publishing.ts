import { manifestKey } from "#core/artefacts.ts";
import { canonicalJson } from "#core/canonical.ts";
import type { Manifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { copyKey } from "#core/registry-copy.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { RegisteredVersion, RegistryRefusal } from "./api.ts";
import { kvInTime } from "./kv-in-time.ts";
import type { Preparations } from "./preparations.ts";
import type { RolloutHistory } from "./tables/history.ts";
import type { Versions } from "./tables/versions.ts";

/** What publishing a version needs. */
interface Needs {
  model: string;
  artefacts: Pick<R2Bucket, "put" | "head">;
  kv: Pick<KVNamespace, "get">;
  versions: Pick<Versions, "refusal" | "add" | "get" | "setState" | "latest">;
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
    return this.inTurn(manifest, false);
  }

  /** Stores a version of the rung above under the number that it has there; numbers between may be missing here. */
  take(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    return this.inTurn(manifest, true);
  }

  private inTurn(manifest: Manifest, isTaken: boolean): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const turn = this.last.then(() => this.store(manifest, isTaken));
    this.last = turn.catch(() => {});
    return turn;
  }

  private async store(manifest: Manifest, isTaken: boolean): Promise<Result<RegisteredVersion, RegistryRefusal>> {
    const { model, artefacts, versions, history, preparations, regions, transaction } = this.needs;
    const { version } = manifest;
    const text = canonicalJson(manifest);
    const sha256 = await sha256Hex(text);
    if (versions.latest() === null && (await this.isLost(isTaken))) return fail({ kind: "registry-lost" });
    const refusal = versions.refusal(version, sha256, isTaken);
    if (refusal) return fail(refusal);
    await artefacts.put(manifestKey(model, version), text);
    transaction(() => {
      if (!versions.add(manifest, sha256)) return;
      history.add("published", { version });
      const known = regions();
      preparations.request(version, known);
      if (known.length === 0) versions.setState(version, "prepared");
    });
    return ok(versions.get(version) as RegisteredVersion);
  }

  // An empty registry of a model that was served: its numbers would be used again. A first manifest alone may be of a
  // publication that died before its row; a version that is taken may be the first under any number.
  private async isLost(isTaken: boolean): Promise<boolean> {
    const { model, artefacts, kv } = this.needs;
    if (await artefacts.head(copyKey(model))) return true;
    if (!isTaken && (await artefacts.head(manifestKey(model, 2)))) return true;
    return (await kvInTime(kv.get(`current/${model}`)).catch(() => null)) !== null;
  }
}
