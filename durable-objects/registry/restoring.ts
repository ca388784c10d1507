import { checkManifest, manifestKey } from "#core/artefacts.ts";
import { type HeadPointer, type Manifest, type ModelPointer, modelPointerSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { copyKey, type DecodedCopy, decodeCopy, type RegistryState } from "#core/registry-copy.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { publicKeysSchema } from "#core/sign.ts";
import type { Jobs } from "../jobs.ts";
import { migrate } from "../migrate.ts";
import type { RegionApi } from "../region/api.ts";
import type { Remote } from "../stubs.ts";
import type { RegistryRefusal, RestoredRegistry } from "./api.ts";
import type { HeadPointers } from "./head-pointers.ts";
import { kvInTime } from "./kv-in-time.ts";
import { migrations } from "./migrations.ts";
import type { Outbox } from "./outbox.ts";
import type { Preparations } from "./preparations.ts";
import type { Rollout } from "./rollout.ts";
import type { Canaries } from "./tables/canaries.ts";
import type { HeadStore } from "./tables/heads.ts";
import type { RolloutHistory } from "./tables/history.ts";
import type { KnownRegions } from "./tables/regions.ts";
import type { Versions } from "./tables/versions.ts";

/** When KV is compared after a restore: the outbox has written what it can by then. */
const reconcileAfterMs = 1_000;
/**
 * How far revisions go on above the copied ones: further than a registry moves a pointer between two copies. An isolate that
 * knows a pointer which was not copied takes the restored one.
 */
const restoredStep = 1_000;

/** What restoring needs. */
interface Needs {
  model: string;
  storage: DurableObjectStorage;
  env: Pick<Env, "ARTEFACTS" | "CACHE" | "PUBLISH_KEYS">;
  versions: Versions;
  rollout: Pick<Rollout, "pointer" | "restore">;
  heads: HeadStore;
  headPointers: Pick<HeadPointers, "adopt">;
  history: Pick<RolloutHistory, "add">;
  regions: Pick<KnownRegions, "all">;
  outbox: Pick<Outbox, "put">;
  preparations: Pick<Preparations, "request">;
  canaries: Pick<Canaries, "nextId">;
  endWatch: (version: number | null) => void;
  jobs: Pick<Jobs, "put" | "bringForward">;
  regionObject: (region: string) => Pick<Remote<RegionApi>, "headPointers" | "setHead">;
  transaction: <T>(work: () => T) => T;
}

/** A version that is in R2, and not in the copy. */
interface LaterVersion {
  manifest: Manifest;
  sha256: string;
}

/** Rebuilds a registry that lost its state from its copy in R2, from the manifests there, from KV, and from the regions. */
export class Restoring {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** Restores the registry; refuses where it has a state that is not behind the copy. */
  async restore(): Promise<Result<RestoredRegistry, RegistryRefusal>> {
    const { model, env, transaction } = this.needs;
    const object = await env.ARTEFACTS.get(copyKey(model));
    const copy = await decodeCopy(model, object && (await object.text()));
    if (typeof copy === "string") return fail({ kind: "no-copy", reason: copy });
    if (copy.state.migrations > migrations.length) {
      return fail({ kind: "no-copy", reason: "a newer release wrote it: deploy that release first" });
    }
    const later = await this.laterVersions(copy.header.latest);
    const near = modelPointerSchema.safeParse(
      await kvInTime(env.CACHE.get(`current/${model}`, "json")).catch(() => null),
    );
    return transaction(() => {
      // Checked after the reads: another call may have restored it meanwhile.
      const refusal = this.refusal(copy);
      if (refusal) return fail(refusal);
      this.replaceTables(copy.state);
      for (const { manifest, sha256 } of later) this.addLater(manifest, sha256);
      this.movePointers(near.success ? near.data : null);
      return ok(this.finish(copy));
    });
  }

  /** Runs a job `adopt`: takes a head that the region published after the copy, and gives the region the new revisions. */
  async adopt(region: string): Promise<null> {
    const { heads, headPointers, regionObject, transaction } = this.needs;
    const known = await regionObject(region).headPointers();
    const bases = transaction(() => {
      for (const { base, pointer } of known) {
        if (pointer.revision > heads.pointer(base, region).revision - restoredStep)
          headPointers.adopt(base, region, pointer);
      }
      return heads.basesOf(region).map((base): [number, HeadPointer] => [base, heads.pointer(base, region)]);
    });
    for (const [base, pointer] of bases) await regionObject(region).setHead(base, pointer);
    return null;
  }

  private refusal({ header }: DecodedCopy): RegistryRefusal | null {
    const { versions, rollout } = this.needs;
    const latest = versions.latest();
    if (latest === null) return null;
    const { revision } = rollout.pointer();
    const isBehind =
      header.latest >= latest && header.revision >= revision && (header.latest > latest || header.revision > revision);
    return isBehind ? null : { kind: "registry-not-behind", latest, copied: header.latest };
  }

  // A number that was published is never used again, whether or not the copy knows it.
  private async laterVersions(latest: number): Promise<LaterVersion[]> {
    const { model, env } = this.needs;
    const keys = publicKeysSchema.parse(JSON.parse(env.PUBLISH_KEYS));
    const found: LaterVersion[] = [];
    for (let version = latest + 1; ; version++) {
      const object = await env.ARTEFACTS.get(manifestKey(model, version));
      if (!object) return found;
      const text = await object.text();
      found.push({ manifest: await checkManifest(model, version, text, keys), sha256: await sha256Hex(text) });
    }
  }

  // The tables as the code of the copy made them, its rows, and the migrations since.
  private replaceTables({ migrations: count, tables }: RegistryState): void {
    const { storage } = this.needs;
    const { sql } = storage;
    const own = "type = 'table' AND substr(name, 1, 4) <> '_cf_' AND substr(name, 1, 7) <> 'sqlite_'";
    const names = sql.exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE ${own}`).toArray();
    for (const { name } of names) sql.exec(`DROP TABLE ${name}`);
    migrate(storage, migrations.slice(0, count));
    for (const [name, { columns, rows }] of Object.entries(tables)) {
      const query = `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
      for (const row of rows) sql.exec(query, ...row);
    }
    migrate(storage, migrations);
  }

  private addLater(manifest: Manifest, sha256: string): void {
    const { versions, history, regions, preparations } = this.needs;
    const { version } = manifest;
    versions.add(manifest, sha256);
    history.add("published", { version, reason: "found in R2 when the registry was restored" });
    preparations.request(version, regions.all());
  }

  private movePointers(near: ModelPointer | null): void {
    const { model, rollout, heads, outbox, endWatch, versions, canaries, regions, jobs } = this.needs;
    const isKnown = (version: number | null | undefined) => version == null || versions.get(version) !== null;
    const isNearWhole = near && [near.stable, near.previous, near.canary?.version].every(isKnown);
    const copied = rollout.pointer();
    const pointer = isNearWhole && near.revision > copied.revision ? near : copied;
    rollout.restore({ ...pointer, revision: Math.max(copied.revision, near?.revision ?? 0) + restoredStep });
    endWatch(pointer.canary?.version ?? null);
    // A watch that started after the copy may have had the next number.
    const next = canaries.nextId();
    const ends = regions.all().map((region) => JSON.stringify([next, region]));
    if (ends.length > 0) jobs.bringForward("end-canary", ends, Date.now());
    heads.raiseRevisions(restoredStep);
    for (const { base, region, pointer: head } of heads.allPointers())
      outbox.put(`head/${model}/${base}/${region}`, head);
  }

  private finish({ header: { at } }: DecodedCopy): RestoredRegistry {
    const { rollout, heads, history, regions, jobs, versions } = this.needs;
    const pointer = rollout.pointer();
    const known = regions.all();
    if (known.length > 0) jobs.bringForward("adopt", known, Date.now());
    jobs.put("reconcile", "", Date.now() + reconcileAfterMs);
    const reason = `from the copy of ${new Date(at).toISOString()}`;
    history.add("restored", { version: pointer.stable ?? 0, reason });
    return { pointer, versions: versions.all().length, heads: heads.count(), regions: known.length, copiedAt: at };
  }
}
