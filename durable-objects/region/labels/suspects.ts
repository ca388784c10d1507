import { trainFolds } from "#core/confidence/splits.ts";
import type { ClassifyManifest, LabelSource, Suspect, Suspects } from "#core/contract/index.ts";
import { findLabelErrors } from "#core/head/label-errors.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { suspectsLeast, suspectsLookMax, suspectsMax } from "#core/suspect-limits.ts";
import type { Mutex } from "../mutex.ts";
import type { CheckState } from "../tables/checks.ts";

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  label: string;
  source: LabelSource;
  at: number;
  fold: number;
  trusted: number;
  /** Of its check; null without one. */
  state: CheckState | null;
  vector: ArrayBuffer;
}

/** Finds samples whose label may be wrong. */
export class Suspecting {
  private readonly sql: SqlStorage;
  private readonly mutex: Mutex;
  /** Looks in progress, by version. Callers at the same time share one: each keeps retrains waiting. */
  private readonly looks = new Map<number, Promise<Suspects>>();

  constructor(sql: SqlStorage, mutex: Mutex) {
    this.sql = sql;
    this.mutex = mutex;
  }

  /** Lists the most suspicious samples. */
  async find(manifest: ClassifyManifest, limit: number): Promise<Suspects> {
    const { version } = manifest;
    const look = () => this.mutex.run(() => findSuspects(this.sql, manifest)).finally(() => this.looks.delete(version));
    const looking = this.looks.get(version) ?? look();
    this.looks.set(version, looking);
    const found = await looking;
    return { ...found, suspects: found.suspects.slice(0, limit) };
  }
}

/**
 * Finds samples whose label may be wrong, among the newest: a head that has not learned from them confidently says another one.
 * It is fitted here, serves nobody, and judges nothing. Pauses often, so that questions go on being answered.
 */
async function findSuspects(sql: SqlStorage, { labels, policy, thin }: ClassifyManifest): Promise<Suspects> {
  const { sha256, embedding } = thin.backbone;
  // The version may not have a label that an earlier one had.
  const known = samplesOf(sql, sha256, suspectsLookMax).filter(({ label }) => labels.includes(label));
  if (known.length < suspectsLeast) return { samples: known.length, disagreements: 0, suspects: [] };
  await startBackend();
  const looked = known.map(({ label, source, fold, trusted, vector }) => ({
    ...{ vector: new Int16Array(vector), label: labels.indexOf(label), fold },
    weight: trusted === 0 ? 0 : source === "origin" ? policy.originLabelWeight : 1,
  }));
  const finding = findLabelErrors(looked, { classes: labels.length, step: embedding.step, folds: trainFolds });
  let next = finding.next();
  while (!next.done) {
    await scheduler.wait(0);
    next = finding.next();
  }
  // A person has confirmed or corrected the others, or could not tell.
  const isOpen = ({ state }: Row) => state !== "checked" && state !== "flagged";
  const open = next.value.filter(({ row }) => isOpen(known[row] as Row));
  const suspects = open.slice(0, suspectsMax).map(({ row, suggestion, margin }): Suspect => {
    const { id, label, source, at, state } = known[row] as Row;
    const asked = state === "due" || state === "asked" ? { inReview: true as const } : {};
    return { id, label, source, suggestion: labels[suggestion] as string, margin, at, ...asked };
  });
  return { samples: known.length, disagreements: open.length, suspects };
}

function samplesOf(sql: SqlStorage, backbone: string, limit: number): Row[] {
  const query = `SELECT s.id AS id, s.label AS label, source, s.at AS at, fold, trusted, c.state AS state, e.vector AS vector
    FROM samples s JOIN embeddings e ON e.backbone = ? AND e.number = s.number LEFT JOIN checks c ON c.id = s.id
    ORDER BY s.number DESC LIMIT ?`;
  return sql.exec<Row>(query, backbone, limit).toArray();
}
