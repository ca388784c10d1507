import type { ClassifyManifest, Manifest, Metrics } from "#core/contract/index.ts";
import { json, number, table, text } from "../../table.ts";
import type { RegisteredVersion, RegistryRefusal } from "../api.ts";

type VersionState = RegisteredVersion["state"];

const versions = table("versions", {
  version: number(),
  sha256: text(),
  state: text<VersionState>(),
  backbone: text(),
  createdAt: text(),
  /** Null for a tensor model. */
  metrics: json<RegisteredVersion["metrics"]>(),
});

/** The table `versions`: the versions of a model and their states. */
export class Versions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /**
   * Returns why a manifest with this hash can't be published as this version; null when it can, or was. One that is taken from
   * above need not be the next one.
   */
  refusal(version: number, sha256: string, isTaken = false): RegistryRefusal | null {
    const known = versions.first(this.sql, "WHERE version = ?", version);
    const next = (this.latest() ?? 0) + 1;
    if (known) return known.sha256 === sha256 ? null : { kind: "version-exists", version };
    return isTaken || version === next ? null : { kind: "version-not-next", version, next };
  }

  /** Adds a version; false when it exists. */
  add(manifest: Manifest, sha256: string): boolean {
    const { version, createdAt } = manifest;
    const [network, metrics] =
      manifest.task !== "tensor" ? [manifest.thin.backbone, briefMetrics(manifest.metrics)] : [manifest.network, null];
    const row = { version, sha256, state: "published", backbone: network.sha256, createdAt, metrics } as const;
    return versions.insert(this.sql, row, "ignore");
  }

  get(version: number): RegisteredVersion | null {
    const row = versions.first(this.sql, "WHERE version = ?", version);
    return row && registered(row);
  }

  /** Lists the versions, the newest first. */
  all(): RegisteredVersion[] {
    return [...versions.select(this.sql, "ORDER BY version DESC")].map(registered);
  }

  latest(): number | null {
    return versions.first(this.sql, "ORDER BY version DESC")?.version ?? null;
  }

  /** Moves a version to a state; with `from`, only if it is in one of those. */
  setState(version: number, state: VersionState, from?: readonly VersionState[]): void {
    const known = this.get(version);
    if (!known || (from && !from.includes(known.state))) return;
    versions.update(this.sql, { state }, "WHERE version = ?", version);
  }
}

function registered({ version, state, createdAt, metrics }: RegisteredVersion): RegisteredVersion {
  return { version, state, createdAt, metrics };
}

// Lists of versions would be long with the confusions of all of them.
function briefMetrics({ thin, full }: ClassifyManifest["metrics"]): ClassifyManifest["metrics"] {
  const brief = ({ confusion: _, ...metrics }: Metrics): Metrics => metrics;
  return { thin: brief(thin), full: full && brief(full) };
}
