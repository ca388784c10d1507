import type { Manifest } from "#core/contract/index.ts";
import type { RegisteredVersion, RegistryRefusal } from "../api.ts";

type VersionState = RegisteredVersion["state"];

/** The table `versions`: the versions of a model and their states. */
export class Versions {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Returns why a manifest with this hash can't be published as this version; null when it can, or was. */
  refusal(version: number, sha256: string): RegistryRefusal | null {
    const known = this.sql.exec<{ sha256: string }>("SELECT sha256 FROM versions WHERE version = ?", version).toArray();
    const latest = this.latest() ?? 0;
    if (known[0]?.sha256 === sha256 || (!known[0] && version === latest + 1)) return null;
    return known[0] ? { kind: "version-exists", version } : { kind: "version-not-next", version, next: latest + 1 };
  }

  /** Adds a version; false when it exists. */
  add(manifest: Manifest, sha256: string): boolean {
    const { version, createdAt } = manifest;
    const [network, metrics] =
      manifest.task === "classify" ? [manifest.thin.backbone, manifest.metrics] : [manifest.network, null];
    const cursor = this.sql.exec(
      "INSERT OR IGNORE INTO versions VALUES (?, ?, 'published', ?, ?, ?)",
      version,
      sha256,
      network.sha256,
      createdAt,
      JSON.stringify(metrics),
    );
    return cursor.rowsWritten > 0;
  }

  get(version: number): RegisteredVersion | null {
    return this.all().find((row) => row.version === version) ?? null;
  }

  all(): RegisteredVersion[] {
    const rows = this.sql.exec<{ version: number; state: VersionState; createdAt: string; metrics: string }>(
      "SELECT version, state, createdAt, metrics FROM versions ORDER BY version DESC",
    );
    return rows.toArray().map((row) => ({ ...row, metrics: JSON.parse(row.metrics) }));
  }

  latest(): number | null {
    return this.sql.exec<{ latest: number | null }>("SELECT max(version) AS latest FROM versions").one().latest;
  }

  /** Moves a version to a state; with `from`, only if it is in one of those. */
  setState(version: number, state: VersionState, from?: readonly VersionState[]): void {
    const known = this.get(version);
    if (!known || (from && !from.includes(known.state))) return;
    this.sql.exec("UPDATE versions SET state = ? WHERE version = ?", state, version);
  }
}
